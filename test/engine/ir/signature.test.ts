import { describe, expect, it } from 'vitest';
import { parseSignature, type DimPattern } from '../../../main/engine/ir/signature.ts';

const axis = (name: string): DimPattern => ({ kind: 'axis', name });
const product = (...factors: DimPattern[]): DimPattern => ({ kind: 'product', factors });
const sum = (...terms: DimPattern[]): DimPattern => ({ kind: 'sum', terms });
const rest: DimPattern = { kind: 'rest' };

/** What the dimensions of `x[source]` are read as. */
const dimsOf = (source: string): readonly DimPattern[] =>
  parseSignature(`x[${source}] -> y[a]`).inputs[0].dims;

it('reads ports and their names on both sides of the arrow, and keeps the text', () => {
  const text = 'x[... i], weight[o i] -> y[... o], rest[b t]';
  expect(parseSignature(text)).toEqual({
    text,
    inputs: [
      { name: 'x', dims: [rest, axis('i')] },
      { name: 'weight', dims: [axis('o'), axis('i')] },
    ],
    outputs: [
      { name: 'y', dims: [rest, axis('o')] },
      { name: 'rest', dims: [axis('b'), axis('t')] },
    ],
  });
});

it.each([
  ['', []],
  ['h', [axis('h')]],
  ['(h d)', [product(axis('h'), axis('d'))]],
  ['b t (h d)', [axis('b'), axis('t'), product(axis('h'), axis('d'))]],
  ['((g r) d)', [product(product(axis('g'), axis('r')), axis('d'))]],
  ['(q + k + v)', [sum(axis('q'), axis('k'), axis('v'))]],
  [
    '(g r d + g d + g d)',
    [
      sum(
        product(axis('g'), axis('r'), axis('d')),
        product(axis('g'), axis('d')),
        product(axis('g'), axis('d')),
      ),
    ],
  ],
  ['(h (q + k) d)', [product(axis('h'), sum(axis('q'), axis('k')), axis('d'))]],
  ['(h)', [axis('h')]],
] satisfies [string, DimPattern[]][])('reads [%s]', (source, dims) => {
  expect(dimsOf(source)).toEqual(dims);
});

it('takes any white space between the parts', () => {
  const { inputs, outputs } = parseSignature(' x[ (h  d) ] ,w[h]->y[d] ');
  expect({ inputs, outputs }).toEqual({
    inputs: [
      { name: 'x', dims: [product(axis('h'), axis('d'))] },
      { name: 'w', dims: [axis('h')] },
    ],
    outputs: [{ name: 'y', dims: [axis('d')] }],
  });
});

describe('refuses', () => {
  it.each([
    ['x[h], y[h]', 'expected one "->" between inputs and outputs'],
    ['x[h] -> y[h] -> z[h]', 'expected one "->" between inputs and outputs'],
    ['x[h] -> ', '"" is not name[axes]'],
    ['x h -> y[h]', '"x h" is not name[axes]'],
    ['x[h], -> y[h]', '"" is not name[axes]'],
    ['x[h -> y[h]', '"x[h" is not name[axes]'],
    ['x[(h d] -> y[h]', 'a bracket is not closed'],
    ['x[h d)] -> y[h]', '")" stands where an axis should'],
    ['x[q + k] -> y[q]', '"+" stands where an axis should'],
  ])('%s', (text, why) => {
    const message = `The axis signature "${text}" cannot be read: ${why}.`;
    expect(() => parseSignature(text)).toThrow(expect.objectContaining({ code: 'graph-invalid', message }));
  });

  it.each([
    ['x[h*d] -> y[h]', '"*" stands where an axis should'],
    ['x[h,d] -> y[h]', '"x[h" is not name[axes]'],
    ['x[h-d] -> y[h]', '"-" stands where an axis should'],
    ['x[..] -> y[h]', '"." stands where an axis should'],
    ['x[()] -> y[h]', 'a bracket or a term of it is empty'],
    ['x[(q + )] -> y[q]', 'a bracket or a term of it is empty'],
    ['x[( + k)] -> y[k]', 'a bracket or a term of it is empty'],
  ])('what would otherwise be passed over: %s', (text, why) => {
    expect(() => parseSignature(text)).toThrow(`cannot be read: ${why}.`);
  });
});
