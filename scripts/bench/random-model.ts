import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { INDEX_FILE, SINGLE_FILE } from '../../main/engine/checkpoint/weight-files.ts';
import { writeCheckpoint, type TensorSource } from '../../main/engine/checkpoint/write-checkpoint.ts';
import { shapeOf } from '../../main/engine/ir/graph.ts';
import { describeModel } from '../../main/engine/runtime/model.ts';
import { modelGraph } from '../../main/engine/runtime/model-graph.ts';
import type { Dtype } from '../../main/engine/tensor/dtype.ts';
import { fromFloat32 } from '../../main/engine/tensor/half.ts';

/** Elements of a random tensor made at once. */
const blockElements = 4 * 2 ** 20;

/** The spread of a freshly initialised LLaMA: `initializer_range` of its config. */
const standardDeviation = 0.02;

/**
 * Writes a model folder of config.json and random weights, the same ones every time, unless weights are there: a
 * checkpoint's last file, a single one or the index of several, is placed when all are whole.
 */
export async function provideRandomModel(
  folder: string,
  config: object,
  dtype: Dtype,
  maxShardBytes?: number,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const found = await readdir(folder);
  if (found.includes(INDEX_FILE) || found.includes(SINGLE_FILE)) return;
  process.stderr.write(`writing random weights into ${folder}\n`);
  await writeFile(join(folder, 'config.json'), JSON.stringify(config, null, 2));
  const described = await describeModel(folder);
  const params = [...modelGraph(described.family, described.config).graph.params.values()];
  const curve = bellCurve(dtype);
  const tensors = params.map((param, i): TensorSource => {
    const shape = shapeOf(param).map(Number);
    const data = shape.length === 1 ? () => ones(shape[0], dtype) : () => drawn(shape, i + 1, curve);
    return { name: param.name, dtype, shape, data };
  });
  await writeCheckpoint(folder, tensors, maxShardBytes === undefined ? {} : { maxShardBytes });
}

/** The weights of a norm. */
async function* ones(count: number, dtype: Dtype): AsyncIterable<Uint8Array> {
  yield asBytes(fromFloat32(new Float32Array(count).fill(1), dtype));
}

async function* drawn(
  shape: readonly number[],
  seed: number,
  curve: Float32Array | Uint16Array,
): AsyncIterable<Uint8Array> {
  const count = shape.reduce((a, b) => a * b, 1);
  let word = seed;
  for (let from = 0; from < count; from += blockElements) {
    const length = Math.min(blockElements, count - from);
    const block = curve instanceof Float32Array ? new Float32Array(length) : new Uint16Array(length);
    for (let i = 0; i < length; i++) {
      word ^= word << 13; // xorshift32 (Marsaglia 2003): a billion numbers in seconds
      word ^= word >>> 17;
      word ^= word << 5;
      block[i] = curve[(word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24)];
    }
    yield asBytes(block);
  }
}

/** A weight by the sum of four random bytes, 0 to 1020: nearly normal. */
function bellCurve(dtype: Dtype): Float32Array | Uint16Array {
  const deviationOfSum = Math.sqrt((4 * (256 ** 2 - 1)) / 12);
  const values = Float32Array.from(
    { length: 1021 },
    (_, sum) => (standardDeviation * (sum - 510)) / deviationOfSum,
  );
  return fromFloat32(values, dtype);
}

function asBytes({ buffer, byteOffset, byteLength }: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
