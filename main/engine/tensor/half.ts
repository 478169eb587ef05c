import { EngineError } from '../errors.ts';
import type { Dtype, RawArray } from './dtype.ts';

/** The float32 bits of every half pattern: 256 KiB, faster than rebuilding the exponent for each element. */
const float32BitsOfHalf = Uint32Array.from({ length: 0x10000 }, (_, half) => widenHalf(half));

/**
 * The values of `raw` as float32, exactly; NaN payloads are kept.
 * F32 is returned as it is, without a copy; F16 and BF16 give a new array.
 */
export function toFloat32(raw: RawArray, dtype: Dtype): Float32Array {
  if (dtype === 'F32') return asFloat32(raw);
  const patterns = asPatterns(raw, dtype);
  const values = new Float32Array(patterns.length);
  const bits = new Uint32Array(values.buffer);
  if (dtype === 'F16') widenAllHalves(patterns, bits);
  else widenAllBfloats(patterns, bits);
  return values;
}

/**
 * `values` rounded to `dtype`, ties to even; what exceeds the type's range becomes infinite and NaN stays NaN.
 * F32 is returned as it is, without a copy; F16 and BF16 give a new array of bit patterns.
 */
export function fromFloat32(values: Float32Array, dtype: Dtype): RawArray {
  if (dtype === 'F32') return values;
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const patterns = new Uint16Array(bits.length);
  if (dtype === 'F16') narrowAllToHalf(bits, patterns);
  else narrowAllToBfloat(bits, patterns);
  return patterns;
}

function asFloat32(raw: RawArray): Float32Array {
  if (raw instanceof Float32Array) return raw;
  throw mismatch('F32', 'a Float32Array', 'a Uint16Array');
}

function asPatterns(raw: RawArray, dtype: Dtype): Uint16Array {
  if (raw instanceof Uint16Array) return raw;
  throw mismatch(dtype, 'a Uint16Array of bit patterns', 'a Float32Array');
}

function mismatch(dtype: Dtype, expected: string, found: string): EngineError {
  return new EngineError('tensor-dtype', `${dtype} elements are ${expected}, but ${found} was given`, {
    dtype,
  });
}

// One loop per conversion, with the conversion called inside: V8 inlines it, and each loop stays monomorphic.

function widenAllHalves(patterns: Uint16Array, bits: Uint32Array): void {
  for (let i = 0; i < patterns.length; i++) bits[i] = float32BitsOfHalf[patterns[i]];
}

function widenAllBfloats(patterns: Uint16Array, bits: Uint32Array): void {
  for (let i = 0; i < patterns.length; i++) bits[i] = patterns[i] << 16;
}

function narrowAllToHalf(bits: Uint32Array, patterns: Uint16Array): void {
  for (let i = 0; i < bits.length; i++) patterns[i] = halfOf(bits[i]);
}

function narrowAllToBfloat(bits: Uint32Array, patterns: Uint16Array): void {
  for (let i = 0; i < bits.length; i++) patterns[i] = bfloatOf(bits[i]);
}

/** binary16 (1 sign, 5 exponent, 10 fraction bits) to the bits of binary32 (1, 8, 23). */
function widenHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f800000 | (fraction << 13)) >>> 0;
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0; // bias 15 becomes 127
  if (fraction === 0) return sign >>> 0;
  // A subnormal half, fraction·2⁻²⁴, is a normal float32: move its leading one to the implicit bit.
  const shift = Math.clz32(fraction) - 21;
  return (sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13)) >>> 0;
}

function halfOf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7c00 | nanFraction((magnitude >>> 13) & 0x3ff, 0x200);
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 2¹⁶ and above
  // Rebias 127 to 15; a carry out of the fraction raises the exponent, up to infinity from 65520 on.
  if (magnitude >= 0x38800000) return sign | roundedShift(magnitude - 0x38000000, 13);
  if (magnitude <= 0x33000000) return sign; // 2⁻²⁵ is half the smallest subnormal: the tie goes to zero
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  return sign | roundedShift(fraction, 126 - (magnitude >>> 23));
}

/** bfloat16 is the upper half of a float32. */
function bfloatOf(bits: number): number {
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return ((bits >>> 16) & 0xff80) | nanFraction((bits >>> 16) & 0x7f, 0x40);
  return ((bits >>> 16) & 0x8000) | roundedShift(magnitude, 16);
}

/** value / 2^shift, ties to even. */
function roundedShift(value: number, shift: number): number {
  return (value + (1 << (shift - 1)) - 1 + ((value >>> shift) & 1)) >>> shift;
}

/** A NaN whose kept fraction bits are all zero would read as infinity: it gets the quiet bit. */
function nanFraction(fraction: number, quietBit: number): number {
  return fraction === 0 ? quietBit : fraction;
}
