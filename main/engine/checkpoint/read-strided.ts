import { bytesPerElement, type RawArray, viewAs, type Dtype } from '../tensor/dtype.ts';

/** What is read at once of a tensor whose elements do not lie in their order. */
const SPAN_BYTES = 64 * 1024 * 1024;

/** A view of elements in a file; `offset` is that of its first element, strides count elements. */
export interface StridedView {
  readonly dtype: Dtype;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** Bytes [offset, offset + sizeBytes) of the file. */
export type ReadRange = (offset: number, sizeBytes: number) => Promise<Uint8Array>;

/**
 * The elements of a view, row-major: those of a transposed or cut-out tensor. At most SPAN_BYTES of the file are in
 * memory at once, besides the result.
 */
export async function readStrided(view: StridedView, read: ReadRange): Promise<RawArray> {
  const { dtype, shape } = view;
  const elements = product(shape);
  const result = viewAs(dtype, new Uint8Array(elements * bytesPerElement[dtype]));
  if (elements > 0) await gather(result, 0, view, rowMajor(shape), read);
  return result;
}

export const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

/** Strides of elements that lie in their order, without gaps. */
export function rowMajor(shape: readonly number[]): number[] {
  let stride = 1;
  return shape
    .toReversed()
    .map((size) => {
      const own = stride;
      stride *= size;
      return own;
    })
    .reverse();
}

/** How far the farthest element lies from the first. */
export const lastElement = (shape: readonly number[], strides: readonly number[]): number =>
  shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis], 0);

/** Splits the axis with the widest steps in halves until a part lies within one span. */
async function gather(
  result: RawArray,
  at: number,
  view: StridedView,
  resultStrides: readonly number[],
  read: ReadRange,
): Promise<void> {
  const { dtype, offset, shape, strides } = view;
  const elementBytes = bytesPerElement[dtype];
  const span = 1 + lastElement(shape, strides);
  const widest = widestAxis(view);
  if (span * elementBytes <= SPAN_BYTES || widest === undefined) {
    const source = viewAs(dtype, await read(offset, span * elementBytes));
    copy(source, 0, result, at, { shape, strides, resultStrides }, 0);
    return;
  }
  const half = Math.floor(shape[widest] / 2);
  const part = (size: number): number[] => shape.with(widest, size);
  await gather(result, at, { ...view, shape: part(half) }, resultStrides, read);
  const rest = {
    ...view,
    shape: part(shape[widest] - half),
    offset: offset + half * strides[widest] * elementBytes,
  };
  await gather(result, at + half * resultStrides[widest], rest, resultStrides, read);
}

/** Of those that can be split. */
function widestAxis({ shape, strides }: StridedView): number | undefined {
  let widest: number | undefined;
  shape.forEach((size, axis) => {
    if (size > 1 && (widest === undefined || strides[axis] > strides[widest])) widest = axis;
  });
  return widest;
}

interface Axes {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly resultStrides: readonly number[];
}

function copy(source: RawArray, from: number, result: RawArray, to: number, axes: Axes, axis: number): void {
  const { shape, strides, resultStrides } = axes;
  if (axis === shape.length) {
    result[to] = source[from];
    return;
  }
  const [step, resultStep, isLast] = [strides[axis], resultStrides[axis], axis === shape.length - 1];
  for (let i = 0; i < shape[axis]; i++) {
    if (isLast) result[to + i * resultStep] = source[from + i * step];
    else copy(source, from + i * step, result, to + i * resultStep, axes, axis + 1);
  }
}
