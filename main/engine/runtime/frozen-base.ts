import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { scalesName } from '../derive/emission.ts';
import { EngineError } from '../errors.ts';
import { bytesPerElement } from '../tensor/dtype.ts';
import { toFloat32 } from '../tensor/half.ts';
import { quantiseRows, type Int8Rows } from '../tensor/int8-rows.ts';
import type { DeviceKind } from './device.ts';
import type { MemoryPlan } from './memory-plan.ts';
import type { DescribedModel, Model } from './model.ts';
import { blockGraph } from './model-graph.ts';
import {
  chooseResidency,
  openWeightStore,
  readStored,
  type Residency,
  type WeightStore,
} from './residency.ts';
import { floats } from './session.ts';

/** Float32 of the rows that are rounded at once. */
const blockBytes = 32 * 2 ** 20;

/** How the frozen weights of the layers are held while an adapter is trained beside them. */
export const baseTypes = ['stored', 'int8'] as const;
export type BaseType = (typeof baseTypes)[number];

/**
 * In 8 bits a model may stay in memory that would be streamed as stored.
 * @throws EngineError recipe-invalid for 8 bits on a card.
 */
export function openBase(base: BaseType, model: Model, memory: MemoryPlan, device: DeviceKind): WeightStore {
  if (base === 'stored') return openWeightStore(model.checkpoint, memory.residency, device);
  requireBaseOn(base, device);
  return openInt8Store(model, chooseResidency(int8WeightBytes(model), memory.budgetBytes, device));
}

/** @throws EngineError recipe-invalid for 8 bits on a card, which computes with float32 alone. */
export function requireBaseOn(base: BaseType, device: DeviceKind): void {
  if (base === 'stored' || device === 'cpu') return;
  throw new EngineError(
    'recipe-invalid',
    `recover.base is ${base}, but the device is ${device}: weights in 8 bits are for the processor.`,
    { base, device },
    'Set recover.base to stored, or device to cpu.',
  );
}

/**
 * A model's weights with the layers' linear ones in 8 bits, row by row, made when they are taken: a quarter of their
 * float32. Embedding, head and norms stay as stored.
 */
function openInt8Store(model: Model, residency: Residency): WeightStore {
  const { checkpoint } = model;
  const int8 = linearWeights(model);
  const stored = readStored(checkpoint);
  return openWeightStore(checkpoint, residency, 'cpu', {
    dtypeOf: (name) => (int8.has(name) ? 'int8-rows' : stored.dtypeOf(name)),
    async read(name) {
      if (!int8.has(name)) return stored.read(name);
      const { shape } = checkpoint.info(name);
      const { values, scales } = await readInt8(checkpoint, name);
      return {
        [name]: { type: 'int8', data: values, dims: shape },
        [scalesName(name)]: floats(scales, [scales.length, 1]),
      };
    },
  });
}

/** Bytes that the weights take in such a store. */
function int8WeightBytes(model: Model): number {
  const { checkpoint } = model;
  const int8 = linearWeights(model);
  return [...checkpoint.tensors.keys()].reduce((total, name) => {
    const { shape, dtype } = checkpoint.info(name);
    const elements = shape.reduce((a, b) => a * b, 1);
    return total + (int8.has(name) ? elements + 4 * shape[0] : elements * bytesPerElement[dtype]);
  }, 0);
}

/** Full names of the linear weights of a model's layers. */
function linearWeights({ family, config }: DescribedModel): Set<string> {
  const names = config.layers.flatMap((shape, layer) =>
    blockGraph(family, config, shape).graph.nodes.flatMap(({ op, inputs }) => {
      const weight = op.contraction && inputs[op.contraction.weight];
      return weight?.kind === 'param' ? [family.layerPrefix(layer) + weight.name] : [];
    }),
  );
  return new Set(names);
}

async function readInt8(checkpoint: Checkpoint, name: string): Promise<Int8Rows> {
  const { shape, dtype } = checkpoint.info(name);
  const [rowCount, columnCount] = shape;
  const rows = { values: new Int8Array(rowCount * columnCount), scales: new Float32Array(rowCount) };
  const most = Math.max(1, Math.floor(blockBytes / (4 * columnCount)));
  for (let from = 0; from < rowCount; from += most) {
    const block = await checkpoint.readRows(name, from, Math.min(rowCount, from + most));
    quantiseRows(toFloat32(block, dtype), rows, from);
  }
  return rows;
}
