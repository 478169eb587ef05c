import { openSafetensors } from '../checkpoint/checkpoint.ts';
import { writeSafetensors, type TensorSource } from '../checkpoint/write-checkpoint.ts';
import { EngineError } from '../errors.ts';
import { toFloat32 } from '../tensor/half.ts';
import type { AdapterMatrix } from './adapter.ts';

/** Writes an adapter as one safetensors file under its parameters' own names; it appears whole or not at all. */
export function writeAdapter(path: string, adapter: readonly AdapterMatrix[]): Promise<void> {
  return writeSafetensors(
    path,
    adapter.map(({ name, shape, values }) => float32Tensor(name, shape, values)),
  );
}

/**
 * Reads an adapter of the given matrices back.
 * @throws EngineError tensor-missing, tensor-shape, and as openSafetensors.
 */
export async function readAdapter(
  path: string,
  shapes: readonly Omit<AdapterMatrix, 'values'>[],
): Promise<AdapterMatrix[]> {
  const file = await openSafetensors(path);
  try {
    const adapter: AdapterMatrix[] = [];
    for (const { name, shape } of shapes) {
      const info = file.info(name);
      if (info.shape.join() !== shape.join()) {
        throw new EngineError(
          'tensor-shape',
          `${path}: the adapter matrix ${name} should be [${shape.join(', ')}], but is [${info.shape.join(', ')}].`,
          { path, tensor: name, expected: shape, found: info.shape },
        );
      }
      adapter.push({ name, shape, values: toFloat32(await file.read(name), info.dtype) });
    }
    return adapter;
  } finally {
    await file.close();
  }
}

/** A float32 matrix as it is written. */
export function float32Tensor(name: string, shape: readonly number[], values: Float32Array): TensorSource {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return {
    name,
    dtype: 'F32',
    shape,
    data: async function* () {
      yield bytes;
    },
  };
}
