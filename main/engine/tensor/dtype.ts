/** Element types of a checkpoint's weights, under safetensors' own names. */
export type Dtype = 'F32' | 'F16' | 'BF16';

/** Elements as they lie in the file: float32 values, or the bit patterns of F16 and BF16. */
export type RawArray = Float32Array | Uint16Array;

export const bytesPerElement: Readonly<Record<Dtype, number>> = { F32: 4, F16: 2, BF16: 2 };

/** A typed view of `bytes`, without a copy; `bytes` must start at a multiple of the element's size. */
export function viewAs(dtype: Dtype, bytes: Uint8Array): RawArray {
  const length = bytes.byteLength / bytesPerElement[dtype];
  return dtype === 'F32'
    ? new Float32Array(bytes.buffer, bytes.byteOffset, length)
    : new Uint16Array(bytes.buffer, bytes.byteOffset, length);
}
