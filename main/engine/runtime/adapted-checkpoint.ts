import { join } from 'node:path';
import { openSafetensors, type Checkpoint, type TensorInfo } from '../checkpoint/checkpoint.ts';
import { downName, upName, type AdaptedWeight } from '../derive/lora.ts';
import { EngineError } from '../errors.ts';
import type { RawArray } from '../tensor/dtype.ts';
import { toFloat32 } from '../tensor/half.ts';
import {
  adapterConfigFile,
  adapterWeightsFile,
  peftKeyPrefix,
  type AdapterFolder,
} from './adapter-folder.ts';
import { WeightMerger } from './weight-merger.ts';

/**
 * A checkpoint whose weights have an adapter added to them as they are read: the bytes of a folder into which the
 * adapter was merged.
 * @param adaptable Every weight of the model that can have an adapter, under its full name.
 * @throws EngineError tensor-missing where the adapter's weights are not those that its config names, or the model has
 * none of that name; tensor-shape; as openSafetensors.
 */
export async function openAdapted(
  base: Checkpoint,
  adapter: AdapterFolder,
  adaptable: readonly AdaptedWeight[],
): Promise<Checkpoint> {
  const matrices = await openSafetensors(join(adapter.folder, adapterWeightsFile));
  try {
    requireMatching(matrices, adapter, adaptable);
  } catch (error) {
    await matrices.close();
    throw error;
  }
  return new AdaptedCheckpoint(base, matrices, adapter.alpha / adapter.rank);
}

const downKey = (module: string): string => peftKeyPrefix + downName(module);
const upKey = (module: string): string => peftKeyPrefix + upName(module);

function requireMatching(
  matrices: Checkpoint,
  { folder, rank, targets }: AdapterFolder,
  adaptable: readonly AdaptedWeight[],
): void {
  const isTarget = ({ module }: AdaptedWeight): boolean =>
    targets?.some((target) => module === target || module.endsWith(`.${target}`)) ?? true;
  const adapted = adaptable.filter(isTarget);
  const shapes = new Map<string, readonly [number, number]>(
    adapted.flatMap(({ module, inSize, outSize }) => [
      [downKey(module), [rank, inSize]],
      [upKey(module), [outSize, rank]],
    ]),
  );
  const foreign = [...matrices.tensors.keys(), ...matrices.others.keys()].find((name) => !shapes.has(name));
  if (foreign !== undefined) throw notOfModel(folder, foreign);
  if (shapes.size === 0) throw withoutWeights(folder, targets);
  for (const [name, expected] of shapes) {
    const { shape } = matrices.info(name);
    if (shape.join() !== expected.join()) throw otherShape(folder, name, expected, shape);
  }
}

class AdaptedCheckpoint implements Checkpoint {
  /** One thread: next to reading a weight, this product of a few ranks is small. */
  private readonly merger: WeightMerger;

  constructor(
    private readonly base: Checkpoint,
    private readonly matrices: Checkpoint,
    scale: number,
  ) {
    this.merger = new WeightMerger(scale, { threads: 1 });
  }

  get folder(): string {
    return this.base.folder;
  }

  get tensors(): Checkpoint['tensors'] {
    return this.base.tensors;
  }

  get others(): Checkpoint['others'] {
    return this.base.others;
  }

  get totalBytes(): number {
    return this.base.totalBytes;
  }

  info(name: string): TensorInfo {
    return this.base.info(name);
  }

  async read(name: string): Promise<RawArray> {
    const [rowCount = 1] = this.base.info(name).shape;
    return this.merged(name, await this.base.read(name), 0, rowCount);
  }

  async readRows(name: string, from: number, to: number): Promise<RawArray> {
    return this.merged(name, await this.base.readRows(name, from, to), from, to);
  }

  async close(): Promise<void> {
    await this.base.close();
    await this.matrices.close();
    await this.merger.release();
  }

  /** @param rows From `from` to `to`, as stored; they are changed in place. */
  private async merged(name: string, rows: RawArray, from: number, to: number): Promise<RawArray> {
    const module = name.replace(/\.weight$/, '');
    if (!this.matrices.tensors.has(downKey(module)) || to === from) return rows;
    const { dtype } = this.base.info(name);
    const down = toFloat32(
      await this.matrices.read(downKey(module)),
      this.matrices.info(downKey(module)).dtype,
    );
    const up = await this.matrices.readRows(upKey(module), from, to);
    const adapter = { down, up: toFloat32(up, this.matrices.info(upKey(module)).dtype) };
    await this.merger.merge(rows, dtype, rows.length / (to - from), adapter);
    return rows;
  }
}

function notOfModel(folder: string, tensor: string): EngineError {
  return new EngineError(
    'tensor-missing',
    `${folder}: the adapter holds ${JSON.stringify(tensor.slice(0, 200))}, but the layers of its base model have no such linear weight among target_modules.`,
    { folder, tensor },
    `The adapter belongs to another model, or ${adapterConfigFile} names other target_modules or another base model than it was trained with.`,
  );
}

function withoutWeights(folder: string, targets: AdapterFolder['targets']): EngineError {
  return new EngineError(
    'config-invalid',
    `${folder}: target_modules (${(targets ?? []).join(', ').slice(0, 200)}) names no linear weight of the base model's layers.`,
    { folder },
    'The adapter belongs to another model.',
  );
}

function otherShape(
  folder: string,
  tensor: string,
  expected: readonly number[],
  found: readonly number[],
): EngineError {
  return new EngineError(
    'tensor-shape',
    `${folder}: the adapter's ${tensor} should be [${expected.join(', ')}] by its rank and its base model, but is [${found.join(', ')}].`,
    { folder, tensor, expected, found },
    `The adapter belongs to another model, perhaps one that was pruned otherwise, or r in ${adapterConfigFile} is not its rank.`,
  );
}
