import { EngineError } from '../errors.ts';

/** A dimension in an op's signature. */
export type DimPattern =
  | { readonly kind: 'rest' }
  | { readonly kind: 'axis'; readonly name: string }
  | { readonly kind: 'product'; readonly factors: readonly DimPattern[] }
  | { readonly kind: 'sum'; readonly terms: readonly DimPattern[] };

export interface PortPattern {
  readonly name: string;
  readonly dims: readonly DimPattern[];
}

export interface Signature {
  readonly text: string;
  readonly inputs: readonly PortPattern[];
  readonly outputs: readonly PortPattern[];
}

/**
 * Reads an axis signature in the manner of einops: `x[... i], weight[o i] -> y[... o]`; `(h d)` is a product,
 * `(q + k)` a sum, `...` any leading dimensions (the same wherever it stands).
 */
export function parseSignature(text: string): Signature {
  const sides = text.split('->');
  if (sides.length !== 2) throw malformed(text, 'expected one "->" between inputs and outputs');
  const [inputs, outputs] = sides.map((side) => parsePorts(side, text));
  return { text, inputs, outputs };
}

function parsePorts(side: string, text: string): PortPattern[] {
  return side.split(',').map((part) => {
    const port = /^\s*(\w+)\[([^\]]*)\]\s*$/.exec(part);
    if (!port) throw malformed(text, `"${part.trim()}" is not name[axes]`);
    return { name: port[1], dims: parseDims(port[2], text) };
  });
}

function parseDims(source: string, text: string): DimPattern[] {
  const tokens = source.match(/\.\.\.|\w+|\S/g) ?? [];
  let at = 0;
  const one = (): DimPattern => {
    const token = tokens[at++];
    if (token === '...') return { kind: 'rest' };
    if (token === '(') return group();
    if (/^\w+$/.test(token)) return { kind: 'axis', name: token };
    throw malformed(text, `"${token}" stands where an axis should`);
  };
  const group = (): DimPattern => {
    const terms: DimPattern[][] = [[]];
    while (at < tokens.length && tokens[at] !== ')') {
      if (tokens[at] === '+') {
        terms.push([]);
        at++;
      } else terms[terms.length - 1].push(one());
    }
    if (tokens[at++] !== ')') throw malformed(text, 'a bracket is not closed');
    if (terms.some((factors) => factors.length === 0))
      throw malformed(text, 'a bracket or a term of it is empty');
    const products = terms.map((factors): DimPattern =>
      factors.length === 1 ? factors[0] : { kind: 'product', factors },
    );
    return products.length === 1 ? products[0] : { kind: 'sum', terms: products };
  };
  const dims: DimPattern[] = [];
  while (at < tokens.length) dims.push(one());
  return dims;
}

function malformed(text: string, why: string): EngineError {
  return new EngineError('graph-invalid', `The axis signature "${text}" cannot be read: ${why}.`);
}
