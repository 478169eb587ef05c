import { EngineError } from '../errors.ts';

/**
 * One indivisible axis. Its size is a number, 'dynamic' (batch and sequence: known only when a graph runs) or
 * undefined (to be inferred). An axis found equal to another is bound to it; a locked axis is never pruned.
 */
export interface Atom {
  readonly kind: 'atom';
  readonly name: string;
  size: number | 'dynamic' | undefined;
  lock: string | undefined;
  bound: Axis | undefined;
}

/** (h d): h outermost. The index of a product is row-major over its factors. */
export interface Product {
  readonly kind: 'product';
  readonly factors: readonly Axis[];
}

/** (q + k): one behind the other, as in fused projections. */
export interface Sum {
  readonly kind: 'sum';
  readonly terms: readonly Axis[];
}

export type Axis = Atom | Product | Sum;

export function atom(name: string, size: Atom['size'], lock?: string): Atom {
  return { kind: 'atom', name, size, lock, bound: undefined };
}

/** What an axis has been found to be: bindings followed, nested products flattened. */
export function resolve(axis: Axis): Axis {
  if (axis.kind === 'atom') {
    if (axis.bound === undefined) return axis;
    // Shortened on the way: the hidden axis of a deep network is bound once an op.
    axis.bound = resolve(axis.bound);
    return axis.bound;
  }
  if (axis.kind === 'sum') return { kind: 'sum', terms: axis.terms.map(resolve) };
  const factors = axis.factors.map(resolve).flatMap((f) => (f.kind === 'product' ? f.factors : [f]));
  return factors.length === 1 ? factors[0] : { kind: 'product', factors };
}

/** The size of an axis; undefined as long as a part of it is. */
export function sizeOf(axis: Axis): Atom['size'] {
  const found = resolve(axis);
  if (found.kind === 'atom') return found.size;
  const parts = (found.kind === 'product' ? found.factors : found.terms).map(sizeOf);
  if (parts.includes(undefined)) return undefined;
  if (parts.includes('dynamic')) return 'dynamic';
  const sizes = parts as number[];
  return found.kind === 'product' ? sizes.reduce((a, b) => a * b, 1) : sizes.reduce((a, b) => a + b, 0);
}

/** The distinct unbound atoms of an axis, in order. */
export function atomsOf(axis: Axis): Atom[] {
  const found = resolve(axis);
  if (found.kind === 'atom') return [found];
  return [...new Set((found.kind === 'product' ? found.factors : found.terms).flatMap(atomsOf))];
}

export function lockAxis(axis: Axis, reason: string): void {
  for (const part of atomsOf(axis)) part.lock ??= reason;
}

/**
 * States that two axes are one: from then on they are pruned together.
 * @throws EngineError graph-invalid where their sizes or structures cannot agree.
 */
export function unify(left: Axis, right: Axis): void {
  const a = resolve(left);
  const b = resolve(right);
  if (a === b) return;
  if (a.kind === 'atom') bind(a, b);
  else if (b.kind === 'atom') bind(b, a);
  else if (a.kind === 'sum' && b.kind === 'sum' && a.terms.length === b.terms.length) {
    a.terms.forEach((term, i) => {
      unify(term, b.terms[i]);
    });
  } else if (a.kind === 'product' && b.kind === 'product') alignProducts(a, b);
  else throw mismatch(a, b);
}

function bind(free: Atom, target: Axis): void {
  inferMissingFactor(target, free.size);
  const size = sizeOf(target);
  if (target.kind === 'product' && target.factors.includes(free)) {
    // Queries and keys out of one axis of heads, h = (h r): r is 1, and nothing else is to be said.
    if (size !== free.size) throw mismatch(free, target);
    return;
  }
  if (target.kind === 'atom') target.size ??= free.size;
  else if (free.size !== undefined && size === undefined) throw mismatch(free, target);
  if (free.size !== undefined && size !== undefined && free.size !== size) throw mismatch(free, target);
  if (free.lock !== undefined) lockAxis(target, free.lock);
  free.bound = target;
}

/** (g r) = 8 with g = 2 gives r = 4. */
function inferMissingFactor(axis: Axis, total: Atom['size']): void {
  if (axis.kind !== 'product' || typeof total !== 'number') return;
  const unknown = axis.factors.filter((factor) => sizeOf(factor) === undefined);
  if (unknown.length !== 1 || unknown[0].kind !== 'atom') return;
  const known = axis.factors.filter((factor) => factor !== unknown[0]).map(sizeOf);
  if (known.includes('dynamic')) return;
  const rest = (known as number[]).reduce((a, b) => a * b, 1);
  if (rest > 0 && total % rest === 0) unknown[0].size = total / rest;
}

/**
 * Two factorings of one axis, (h d) and ((g r) d): compared from the innermost factor outwards; where one factor
 * is a multiple of the other, it is split.
 */
function alignProducts(a: Product, b: Product): void {
  const left = a.factors.filter((factor) => sizeOf(factor) !== 1);
  const right = b.factors.filter((factor) => sizeOf(factor) !== 1);
  while (left.length > 0 && right.length > 0) {
    const x = left.pop() as Axis;
    const y = right.pop() as Axis;
    const xSize = sizeOf(x);
    const ySize = sizeOf(y);
    if (xSize === ySize || typeof xSize !== 'number' || typeof ySize !== 'number') unify(x, y);
    else if (xSize > ySize) left.push(splitOff(x, y, xSize / ySize));
    else right.push(splitOff(y, x, ySize / xSize));
  }
  if (left.length > 0 || right.length > 0) throw mismatch(a, b);
}

/** Splits the atom `whole` into (outer, inner) and returns outer. */
function splitOff(whole: Axis, inner: Axis, outerSize: number): Axis {
  if (whole.kind !== 'atom' || !Number.isInteger(outerSize)) throw mismatch(whole, inner);
  const outer = atom(whole.name, outerSize, whole.lock);
  bind(whole, { kind: 'product', factors: [outer, inner] });
  return outer;
}

/**
 * For each index of an axis, the coordinate of `unit` there, or -1 where the index belongs to another part of a
 * sum. [size of the axis]
 */
export function coordinatesOf(axis: Axis, unit: Atom): Int32Array {
  const found = resolve(axis);
  const size = fixedSize(found);
  if (found.kind === 'atom') return Int32Array.from({ length: size }, (_, i) => (found === unit ? i : -1));
  if (found.kind === 'sum') {
    const all = new Int32Array(size);
    let offset = 0;
    for (const term of found.terms) {
      const part = coordinatesOf(term, unit);
      all.set(part, offset);
      offset += part.length;
    }
    return all;
  }
  return productCoordinates(found.factors, unit, size);
}

function fixedSize(axis: Axis): number {
  const size = sizeOf(axis);
  if (typeof size === 'number') return size;
  throw new EngineError(
    'graph-invalid',
    `The axis ${describeAxis(axis)} has no fixed size, so it has no units.`,
  );
}

function productCoordinates(factors: readonly Axis[], unit: Atom, size: number): Int32Array {
  const all = new Int32Array(size).fill(-1);
  let stride = size;
  for (const factor of factors) {
    const part = coordinatesOf(factor, unit);
    stride /= part.length;
    for (let i = 0; i < size; i++) {
      const coordinate = part[Math.floor(i / stride) % part.length];
      if (coordinate >= 0) all[i] = coordinate;
    }
  }
  return all;
}

/**
 * For each index of an axis, which part of a fused axis it lies in: each term of a sum, wherever the sum stands, is a
 * part; an axis without one is a single part. (q + k + v) has three, (h (q + k + v)) the same three in every head.
 * [size of the axis]
 */
export function partsOf(axis: Axis): { readonly count: number; readonly partOf: Int32Array } {
  const found = resolve(axis);
  if (found.kind === 'atom') return { count: 1, partOf: new Int32Array(sizeOf(found) as number) };
  const parts = (found.kind === 'sum' ? found.terms : found.factors).map(partsOf);
  if (found.kind === 'sum') {
    const partOf = new Int32Array(sizeOf(found) as number);
    let [offset, count] = [0, 0];
    for (const part of parts) {
      partOf.set(
        part.partOf.map((i) => count + i),
        offset,
      );
      offset += part.partOf.length;
      count += part.count;
    }
    return { count, partOf };
  }
  return parts.reduce((outer, inner) => {
    const size = inner.partOf.length;
    const partOf = new Int32Array(outer.partOf.length * size);
    outer.partOf.forEach((part, i) => {
      partOf.set(
        inner.partOf.map((j) => part * inner.count + j),
        i * size,
      );
    });
    return { count: outer.count * inner.count, partOf };
  });
}

/** Indices from the first up to, but not with, the second. */
export type IndexRange = readonly [from: number, to: number];

/**
 * The indices of an axis at which `unit` has the given coordinate, ascending: what coordinatesOf tells index by index,
 * without going through them. [size of the axis]
 */
export function rangesOf(axis: Axis, unit: Atom, coordinate: number): IndexRange[] {
  const found = resolve(axis);
  if (found.kind === 'atom') return found === unit ? [[coordinate, coordinate + 1]] : [];
  const parts = found.kind === 'product' ? found.factors : found.terms;
  const sizes = parts.map((part) => fixedSize(part));
  if (found.kind === 'sum') {
    return joined(
      parts.flatMap((term, i) => shifted(rangesOf(term, unit, coordinate), sum(sizes.slice(0, i)))),
    );
  }
  const at = parts.findIndex((factor) => atomsOf(factor).includes(unit));
  if (at < 0) return [];
  const inner = product(sizes.slice(at + 1));
  const within = rangesOf(parts[at], unit, coordinate).map(
    ([from, to]) => [from * inner, to * inner] as const,
  );
  const outer = product(sizes.slice(0, at));
  return joined(Array.from({ length: outer }, (_, i) => shifted(within, i * sizes[at] * inner)).flat());
}

/** An axis as einops would write it, with sizes: ((g:4 r:2) d:64). */
export function describeAxis(axis: Axis): string {
  const found = resolve(axis);
  if (found.kind === 'atom') return `${found.name}:${found.size ?? '?'}`;
  const parts = (found.kind === 'product' ? found.factors : found.terms).map(describeAxis);
  return `(${parts.join(found.kind === 'product' ? ' ' : ' + ')})`;
}

function joined(ranges: readonly IndexRange[]): IndexRange[] {
  const all: IndexRange[] = [];
  for (const [from, to] of ranges) {
    const last = all.at(-1);
    if (last?.[1] === from) all[all.length - 1] = [last[0], to];
    else all.push([from, to]);
  }
  return all;
}

const shifted = (ranges: readonly IndexRange[], by: number): IndexRange[] =>
  ranges.map(([from, to]) => [from + by, to + by]);
const sum = (sizes: readonly number[]): number => sizes.reduce((a, b) => a + b, 0);
const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

function mismatch(a: Axis, b: Axis): EngineError {
  return new EngineError(
    'graph-invalid',
    `Two axes must be one, but ${describeAxis(a)} is not ${describeAxis(b)}.`,
  );
}
