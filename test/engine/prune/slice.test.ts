import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Checkpoint } from '../../../main/engine/checkpoint/checkpoint.ts';
import { modelCosts, shapeLeftBy, type PrunePlan } from '../../../main/engine/prune/plan.ts';
import { slicedTensors } from '../../../main/engine/prune/slice.ts';
import { packBatches } from '../../../main/engine/runtime/batch.ts';
import type { Model } from '../../../main/engine/runtime/model.ts';
import { modelGraph } from '../../../main/engine/runtime/model-graph.ts';
import { Network } from '../../../main/engine/runtime/network.ts';
import { openWeightStore } from '../../../main/engine/runtime/residency.ts';
import { shapeOf } from '../../../main/engine/ir/graph.ts';
import { bytesPerElement, type RawArray } from '../../../main/engine/tensor/dtype.ts';
import { toFloat32 } from '../../../main/engine/tensor/half.ts';
import { worstOfLargest } from '../../fixtures/closeness.ts';
import { goldenForward, goldenModelFolder } from '../../fixtures/golden-files.ts';
import { openNetwork, session } from '../../fixtures/open-network.ts';
import { picoModel } from '../../fixtures/pico-config.ts';
import { masked, plans } from '../../fixtures/masked-checkpoint.ts';
import { layerPlan, shapesAfter, wholePlan, writePruned } from '../../fixtures/pruned-folder.ts';
import { logitsOf } from '../../fixtures/whole-network.ts';

/** Of the largest logit: a removed column and one of zeros differ in the order of a sum at most. */
const tolerance = 2e-5;

/**
 * The original's weights with what a plan takes from the hidden axis zeroed wherever it is made or scaled: columns of
 * the embedding, rows of o and down, norm weights. A norm divides by the kept count when its weight is multiplied by
 * the root of the kept share, and eps by the share itself (docs/method.md, Channel-wise).
 */
function maskedHidden({ checkpoint, config, ...model }: Model, hidden: readonly number[]): Model {
  const kept = new Set(hidden);
  const share = hidden.length / config.hiddenSize;
  const read = async (name: string): Promise<RawArray> => {
    const values = toFloat32(await checkpoint.read(name), checkpoint.info(name).dtype);
    const [, columns = 1] = checkpoint.info(name).shape;
    if (/embed_tokens/.test(name)) return values.map((value, i) => (kept.has(i % columns) ? value : 0));
    if (/norm/.test(name)) return values.map((value, i) => (kept.has(i) ? value * Math.sqrt(share) : 0));
    if (/o_proj|down_proj/.test(name))
      return values.map((value, i) => (kept.has(Math.floor(i / columns)) ? value : 0));
    return values;
  };
  const eps = (config.details.eps as number) * share;
  return {
    ...model,
    config: { ...config, details: { ...config.details, eps } },
    checkpoint: {
      folder: checkpoint.folder,
      tensors: checkpoint.tensors,
      others: checkpoint.others,
      totalBytes: checkpoint.totalBytes,
      info: (name) => ({ ...checkpoint.info(name), dtype: 'F32' }),
      readRows: (name, from, to) => checkpoint.readRows(name, from, to),
      close: () => checkpoint.close(),
      read,
    },
  };
}

/** Any hidden indices, at least one. */
const hiddenIndices = ({ config }: Model): fc.Arbitrary<number[]> =>
  fc
    .subarray(
      Array.from({ length: config.hiddenSize }, (_, i) => i),
      { minLength: 1 },
    )
    .map((kept) => kept.sort((a, b) => a - b));

const bytesOf = ({ buffer, byteOffset, byteLength }: RawArray): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

describe.each(['mha', 'gqa', 'tied', 'headdim', 'sharded-bf16'])('%s', (name) => {
  const [batch] = packBatches(goldenForward(name).inputIds.slice(0, 2), 32);

  it('sliced and reopened is the original with the removed parts cut off, and costs what the plan says', async () => {
    const original = await openNetwork(goldenModelFolder(name));
    const { model } = original;
    const { family, config, checkpoint } = model;
    const check = async (plan: PrunePlan, maxShardBytes: number | undefined): Promise<void> => {
      const reference = new Network(model, openWeightStore(masked(model, plan), 'stream'), session);
      const pruned = await openNetwork(await writePruned(model, plan, maxShardBytes));
      expect(pruned.model.config.layers).toEqual(shapesAfter(plan));
      const expected = await logitsOf(reference, batch);
      await reference.release();
      expect(worstOfLargest(await logitsOf(pruned, batch), expected)).toBeLessThan(tolerance);

      const bytesPerElementOf = (param: string): number => bytesPerElement[checkpoint.info(param).dtype];
      const costs = modelCosts(family, config, shapeLeftBy(plan, config), bytesPerElementOf);
      const tensors = [...pruned.model.checkpoint.tensors.values()];
      const elements = tensors.reduce((total, { shape }) => total + shape.reduce((a, b) => a * b, 1), 0);
      expect(costs.parameters).toBe(elements);
      expect(costs.weightBytes).toBe(pruned.model.checkpoint.totalBytes);
    };
    const shardBytes = fc.constantFrom(undefined, 10_000);
    await fc.assert(fc.asyncProperty(plans(model), shardBytes, check), { seed: 20, numRuns: 15 });
  });

  it('without hidden indices is the original with them masked and norms over what is left', async () => {
    const { model } = await openNetwork(goldenModelFolder(name));
    const { config } = model;
    const check = async (hidden: number[]): Promise<void> => {
      const masked = maskedHidden(model, hidden);
      const reference = new Network(masked, openWeightStore(masked.checkpoint, 'stream'), session);
      const plan = { ...wholePlan(config), hidden };
      const pruned = await openNetwork(await writePruned(model, plan));
      expect(pruned.model.config).toMatchObject({ hiddenSize: hidden.length, layers: config.layers });
      const expected = await logitsOf(reference, batch);
      await reference.release();
      expect(worstOfLargest(await logitsOf(pruned, batch), expected)).toBeLessThan(tolerance);
    };
    await fc.assert(fc.asyncProperty(hiddenIndices(model), check), { seed: 21, numRuns: 8 });
  });

  it('keeps every byte where everything is kept', async () => {
    const { model } = await openNetwork(goldenModelFolder(name));
    const { model: copy } = await openNetwork(await writePruned(model, wholePlan(model.config)));
    const names = [...model.checkpoint.tensors.keys()].sort();
    expect([...copy.checkpoint.tensors.keys()].sort()).toEqual(names);
    for (const tensor of names) {
      const { dtype, shape } = model.checkpoint.info(tensor);
      expect(copy.checkpoint.info(tensor)).toMatchObject({ dtype, shape });
      const [found, expected] = [await copy.checkpoint.read(tensor), await model.checkpoint.read(tensor)];
      expect(bytesOf(found).equals(bytesOf(expected)), tensor).toBe(true);
    }
  });
});

describe('weights of more than one copied block', () => {
  const width = 300_000;
  const { family, config } = picoModel({
    hidden_size: 32,
    head_dim: 4,
    num_hidden_layers: 1,
    intermediate_size: width,
  });
  const { graph } = modelGraph(family, config);

  /** Weights that are computed when they are read: each element is its own place, row · columns + column. */
  const blocks: [from: number, to: number][] = [];
  const info: Checkpoint['info'] = (name) => {
    const param = graph.params.get(name);
    if (!param) throw new RangeError(name);
    return {
      name,
      dtype: 'F32',
      shape: shapeOf(param) as number[],
      file: 'model.safetensors',
      offset: 0,
      sizeBytes: 0,
    };
  };
  const checkpoint: Checkpoint = {
    folder: '',
    tensors: new Map(),
    others: new Map(),
    totalBytes: 0,
    info,
    read: () => Promise.reject(new Error('whole tensors are not read')),
    readRows: async (name, from, to) => {
      const columns = info(name).shape[1] ?? 1;
      blocks.push([from, to]);
      const values = new Float32Array((to - from) * columns);
      for (let i = 0; i < values.length; i++) values[i] = from * columns + i;
      return values;
    },
    close: () => Promise.resolve(),
  };
  const model: Model = { folder: '', baseFolder: '', family, config, checkpoint };
  const removed = new Set([0, 7, 8, 123_456, 262_143, 262_144, width - 1]);
  const kept = Array.from({ length: width }, (_, i) => i).filter((i) => !removed.has(i));
  const plan: PrunePlan = { layers: [layerPlan(config.layers[0], [0, 1, 2, 3], kept)] };

  it.each([
    ['gate_proj', 'rows', (i: number) => kept[Math.floor(i / 32)] * 32 + (i % 32), kept.length * 32],
    [
      'down_proj',
      'columns',
      (i: number) => Math.floor(i / kept.length) * width + kept[i % kept.length],
      32 * kept.length,
    ],
  ])('lose the right %s %s', async (name, _what, placeOf, length) => {
    const tensor = slicedTensors(model, plan).find((candidate) => candidate.name.includes(name));
    blocks.length = 0;
    let at = 0;
    let wrong = 0;
    for await (const bytes of tensor?.data() ?? []) {
      const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
      // Places above 2^24 are rounded, as the reading rounded them.
      for (const value of values) if (value !== Math.fround(placeOf(at++))) wrong++;
    }
    expect([at, wrong]).toEqual([length, 0]);
    const columns = name === 'gate_proj' ? 32 : width;
    expect(blocks.length).toBeGreaterThan(1);
    for (const [from, to] of blocks) expect((to - from) * columns * 4).toBeLessThanOrEqual(32 * 2 ** 20);
  });
});
