import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  atom,
  atomsOf,
  coordinatesOf,
  describeAxis,
  lockAxis,
  rangesOf,
  resolve,
  sizeOf,
  unify,
  type Atom,
  type Axis,
  type Product,
  type Sum,
} from '../../../main/engine/ir/axes.ts';

const product = (...factors: Axis[]): Product => ({ kind: 'product', factors });
const sum = (...terms: Axis[]): Sum => ({ kind: 'sum', terms });

const graphInvalid = (message: string): unknown =>
  expect.objectContaining({ code: 'graph-invalid', message });

describe('sizes', () => {
  it('multiplies factors and adds terms', () => {
    const [g, r, d] = [atom('g', 2), atom('r', 4), atom('d', 6)];
    expect(sizeOf(product(g, r, d))).toBe(48);
    expect(sizeOf(sum(product(g, r, d), product(g, d), product(g, d)))).toBe(72);
  });

  it('is undefined as long as a part is, and dynamic where a part is known only at run time', () => {
    expect(sizeOf(product(atom('h', undefined), atom('d', 8)))).toBeUndefined();
    expect(sizeOf(product(atom('batch', 'dynamic'), atom('d', 8)))).toBe('dynamic');
    expect(sizeOf(sum(atom('batch', 'dynamic'), atom('d', undefined)))).toBeUndefined();
  });

  it('flattens nested products and drops a product of one', () => {
    const [g, r, d] = [atom('g', 2), atom('r', 3), atom('d', 5)];
    expect(resolve(product(product(g, r), d))).toEqual(product(g, r, d));
    expect(resolve(product(product(g)))).toBe(g);
    expect(describeAxis(product(product(g, r), d))).toBe('(g:2 r:3 d:5)');
  });
});

describe('unify', () => {
  it('makes two axes one, whichever side knows the size', () => {
    for (const flip of [false, true]) {
      const [known, open] = [atom('rows', 12), atom('o', undefined)];
      if (flip) unify(open, known);
      else unify(known, open);
      expect(resolve(known)).toBe(resolve(open));
      expect(sizeOf(open)).toBe(12);
    }
  });

  it('is transitive, and saying it twice changes nothing', () => {
    const chain = Array.from({ length: 5 }, (_, i) => atom(`a${i}`, i === 3 ? 7 : undefined));
    for (let i = 1; i < chain.length; i++) unify(chain[i - 1], chain[i]);
    unify(chain[4], chain[0]);
    unify(chain[0], chain[4]);
    expect(new Set(chain.map(resolve)).size).toBe(1);
    expect(chain.map(sizeOf)).toEqual([7, 7, 7, 7, 7]);
  });

  it('keeps the factors of a product as the units of the axis that equals it', () => {
    const rows = atom('rows', 24);
    const [h, d] = [atom('h', 4), atom('d', 6)];
    unify(rows, product(h, d));
    expect(atomsOf(rows)).toEqual([h, d]);
  });

  it('infers the one missing factor', () => {
    const [g, r, d] = [atom('g', 2), atom('r', undefined), atom('d', 6)];
    unify(atom('rows', 48), product(product(g, r), d));
    expect(r.size).toBe(4);
  });

  it('makes factors one in pairs where two factorings agree', () => {
    const [h, d, heads, width] = [atom('h', 4), atom('d', 6), atom('heads', 4), atom('width', 6)];
    unify(product(h, d), product(heads, width));
    expect(resolve(h)).toBe(resolve(heads));
    expect(resolve(d)).toBe(resolve(width));
    expect(resolve(h)).not.toBe(resolve(d));
  });

  it('splits a factor where the other side is finer: ((g r) d) and (h d)', () => {
    const [g, r, d] = [atom('g', 2), atom('r', 4), atom('d', 6)];
    const [h, e] = [atom('h', 8), atom('e', 6)];
    unify(product(h, e), product(product(g, r), d));
    expect(sizeOf(h)).toBe(8);
    expect(atomsOf(h).map((part) => part.size)).toEqual([2, 4]);
    expect(atomsOf(h)).toEqual([resolve(g), resolve(r)]);
  });

  it('splits on both sides where neither is finer throughout: (4 6) and (8 3)', () => {
    const [a, b, c, d] = [atom('a', 4), atom('b', 6), atom('c', 8), atom('d', 3)];
    unify(product(a, b), product(c, d));
    expect(atomsOf(product(a, b)).map((part) => part.size)).toEqual([4, 2, 3]);
    expect(atomsOf(product(a, b))).toEqual(atomsOf(product(c, d)));
  });

  it('does not mind factors of one', () => {
    const [g, r, h] = [atom('g', 4), atom('r', 1), atom('h', 4)];
    const [d, e] = [atom('d', 6), atom('e', 6)];
    unify(product(g, r, d), product(h, e));
    expect(resolve(g)).toBe(resolve(h));
    expect(resolve(d)).toBe(resolve(e));
  });

  it('makes the terms of sums one in pairs', () => {
    const [q, k, v] = [atom('q', 8), atom('k', 4), atom('v', 4)];
    const [h, d, g] = [atom('h', undefined), atom('d', 2), atom('g', undefined)];
    unify(sum(q, k, v), sum(product(h, d), product(g, d), product(g, d)));
    expect([h.size, g.size]).toEqual([4, 2]);
    expect(atomsOf(v)).toEqual([g, d]);
    expect(atomsOf(k)).toEqual(atomsOf(v));
  });

  it.each([
    ['two sizes', atom('a', 3), atom('b', 4), 'Two axes must be one, but a:3 is not b:4.'],
    [
      'an indivisible total',
      atom('a', 7),
      product(atom('h', undefined), atom('d', 2)),
      'Two axes must be one, but a:7 is not (h:? d:2).',
    ],
    [
      'two missing factors',
      atom('a', 8),
      product(atom('h', undefined), atom('d', undefined)),
      'Two axes must be one, but a:8 is not (h:? d:?).',
    ],
    [
      'a product of another size',
      product(atom('h', 2), atom('d', 3)),
      product(atom('g', 3), atom('e', 3)),
      'Two axes must be one, but g:3 is not h:2.',
    ],
    [
      'factors that do not divide',
      product(atom('h', 3), atom('d', 2)),
      product(atom('g', 2), atom('e', 3)),
      'Two axes must be one, but e:3 is not d:2.',
    ],
    [
      'a product that is longer',
      product(atom('g', 2), atom('h', 2), atom('d', 3)),
      product(atom('e', 2), atom('f', 3)),
      'Two axes must be one, but (g:2 e:2 f:3) is not (e:2 f:3).',
    ],
    [
      'sums of two and three',
      sum(atom('q', 2), atom('k', 2)),
      sum(atom('a', 1), atom('b', 1), atom('c', 2)),
      'Two axes must be one, but (q:2 + k:2) is not (a:1 + b:1 + c:2).',
    ],
    [
      'a sum and a product',
      sum(atom('q', 2), atom('k', 2)),
      product(atom('h', 2), atom('d', 2)),
      'Two axes must be one, but (q:2 + k:2) is not (h:2 d:2).',
    ],
    [
      'a size and one known at run time',
      atom('h', 4),
      atom('batch', 'dynamic'),
      'Two axes must be one, but h:4 is not batch:dynamic.',
    ],
  ] as [string, Axis, Axis, string][])('refuses %s', (_what, a, b, message) => {
    expect(() => unify(a, b)).toThrow(graphInvalid(message));
  });
});

describe('locks', () => {
  /** Chains of axes made one before or after one of them is locked, in either direction. */
  it.each(['before', 'after'] as const)('reach every axis found equal, when locked %s', (when) => {
    for (let locked = 0; locked < 4; locked++) {
      for (const backwards of [false, true]) {
        const chain = Array.from({ length: 4 }, (_, i) => atom(`a${i}`, 6));
        if (when === 'before') lockAxis(chain[locked], 'why');
        for (let i = 1; i < chain.length; i++) {
          if (backwards) unify(chain[i], chain[i - 1]);
          else unify(chain[i - 1], chain[i]);
        }
        if (when === 'after') lockAxis(chain[locked], 'why');
        for (const axis of chain) expect(atomsOf(axis).map((part) => part.lock)).toEqual(['why']);
      }
    }
  });

  it('of an axis reach all factors of the product it turns out to be', () => {
    for (const flip of [false, true]) {
      const [h, d] = [atom('h', 4), atom('d', 2)];
      const rows = atom('rows', 8, 'the vocabulary');
      if (flip) unify(product(h, d), rows);
      else unify(rows, product(h, d));
      expect([h.lock, d.lock]).toEqual(['the vocabulary', 'the vocabulary']);
    }
  });

  it('of one factor leave the others free, also across a split', () => {
    const [g, r, d] = [atom('g', 2), atom('r', 4), atom('d', 6)];
    const [h, e] = [atom('h', 8), atom('e', 6, 'pairs')];
    lockAxis(r, 'whole groups');
    unify(product(h, e), product(product(g, r), d));
    expect(atomsOf(product(h, e)).map((part) => part.lock)).toEqual([undefined, 'whole groups', 'pairs']);
    expect([g, r, d].map((axis) => (resolve(axis) as Atom).lock)).toEqual([
      undefined,
      'whole groups',
      'pairs',
    ]);
  });

  it('of an axis reach both parts when it is split', () => {
    const [g, r, d] = [atom('g', 2), atom('r', 4), atom('d', 6)];
    unify(product(atom('h', 8, 'why'), atom('e', 6)), product(g, r, d));
    expect([g, r, d].map((axis) => (resolve(axis) as Atom).lock)).toEqual(['why', 'why', undefined]);
  });

  it('keep their first reason', () => {
    const h = atom('h', 4, 'first');
    lockAxis(h, 'second');
    expect(h.lock).toBe('first');
  });
});

describe('coordinates', () => {
  it('of an axis by itself, of one after unification, and of one that is not there', () => {
    const [rows, channel, other] = [atom('rows', 4), atom('channel', 4), atom('other', 4)];
    unify(rows, channel);
    const unit = resolve(channel) as Atom;
    expect([...coordinatesOf(rows, unit)]).toEqual([0, 1, 2, 3]);
    expect([...coordinatesOf(rows, other)]).toEqual([-1, -1, -1, -1]);
  });

  it('of heads and of dimensions in (h d)', () => {
    const [h, d] = [atom('h', 2), atom('d', 3)];
    expect([...coordinatesOf(product(h, d), h)]).toEqual([0, 0, 0, 1, 1, 1]);
    expect([...coordinatesOf(product(h, d), d)]).toEqual([0, 1, 2, 0, 1, 2]);
  });

  it('of KV heads in ((g r) d)', () => {
    const [g, r, d] = [atom('g', 2), atom('r', 2), atom('d', 2)];
    expect([...coordinatesOf(product(product(g, r), d), g)]).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
    expect([...coordinatesOf(product(product(g, r), d), r)]).toEqual([0, 0, 1, 1, 0, 0, 1, 1]);
  });

  it('of KV heads in a fused projection, queries then keys then values', () => {
    const [g, r, d] = [atom('g', 2), atom('r', 2), atom('d', 1)];
    const fused = sum(product(g, r, d), product(g, d), product(g, d));
    expect([...coordinatesOf(fused, g)]).toEqual([0, 0, 1, 1, 0, 1, 0, 1]);
    expect([...coordinatesOf(fused, r)]).toEqual([0, 1, 0, 1, -1, -1, -1, -1]);
  });

  it('of heads whose query, key and value are interleaved, h·(3 d)', () => {
    const [h, d] = [atom('h', 2), atom('d', 2)];
    expect([...coordinatesOf(product(h, product(atom('three', 3), d)), h)]).toEqual([
      0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1,
    ]);
    expect([...coordinatesOf(product(h, sum(d, d, d)), h)]).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
    expect([...coordinatesOf(product(h, sum(d, d, d)), d)]).toEqual([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
  });

  it('are row-major for any number of factors', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 4 }), (sizes) => {
        const factors = sizes.map((size, i) => atom(`f${i}`, size));
        const tables = factors.map((factor) => coordinatesOf(product(...factors), factor));
        for (let flat = 0; flat < tables[0].length; flat++) {
          const back = sizes.reduce((index, size, i) => index * size + tables[i][flat], 0);
          expect(back).toBe(flat);
        }
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  it.each([undefined, 'dynamic'] as const)('need a fixed size, not %s', (size) => {
    const axis = atom('sequence', size);
    expect(() => coordinatesOf(axis, axis)).toThrow(
      graphInvalid(`The axis sequence:${size ?? '?'} has no fixed size, so it has no units.`),
    );
  });
});

describe('ranges of a unit', () => {
  const [g, r, d] = [atom('g', 3), atom('r', 2), atom('d', 2)];
  const axes: [string, Axis][] = [
    ['an axis itself', g],
    ['(h d)', product(g, d)],
    ['((g r) d)', product(product(g, r), d)],
    ['queries, keys and values behind each other', sum(product(g, r, d), product(g, d), product(g, d))],
    ['queries, keys and values of a head together', product(g, sum(d, d, d))],
  ];
  it.each(axes)('are its coordinates, index by index: %s', (_name, axis) => {
    for (const unit of atomsOf(axis)) {
      const coordinates = coordinatesOf(axis, unit);
      for (let coordinate = 0; coordinate < (sizeOf(unit) as number); coordinate++) {
        const ranges = rangesOf(axis, unit, coordinate);
        const listed = ranges.flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i));
        expect(listed).toEqual([...coordinates.keys()].filter((i) => coordinates[i] === coordinate));
      }
    }
  });

  it('are joined where they touch', () => {
    expect(rangesOf(product(g, r, d), g, 1)).toEqual([[4, 8]]);
    expect(rangesOf(product(g, d), d, 1)).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    expect(rangesOf(sum(d, product(g, d)), g, 0)).toEqual([[2, 4]]);
  });
});
