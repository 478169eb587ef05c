import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adaptableTargets } from '../../../main/engine/derive/lora.ts';
import { families } from '../../../main/engine/families/index.ts';
import type { Family, LayerShape, ModelConfig } from '../../../main/engine/families/family.ts';
import { readModelConfig } from '../../../main/engine/families/index.ts';
import { modelCosts, shapeLeftBy, type PrunePlan } from '../../../main/engine/prune/plan.ts';
import { lossWeights, packBatches, predictedTokens, type Batch } from '../../../main/engine/runtime/batch.ts';
import { Decoder } from '../../../main/engine/runtime/decoder.ts';
import { planMemory } from '../../../main/engine/runtime/memory-plan.ts';
import { blockGraph } from '../../../main/engine/runtime/model-graph.ts';
import { Network } from '../../../main/engine/runtime/network.ts';
import { openWeightStore } from '../../../main/engine/runtime/residency.ts';
import { worstOfLargest } from '../../fixtures/closeness.ts';
import { goldenFamily, goldenFamilyNames } from '../../fixtures/golden-files.ts';
import { masked, plans } from '../../fixtures/masked-checkpoint.ts';
import { openNetwork, session, unhurried } from '../../fixtures/open-network.ts';
import { shapesAfter, writePruned } from '../../fixtures/pruned-folder.ts';
import { contracted, forward, logitsOf, wholeGraph } from '../../fixtures/whole-network.ts';

/** Relative to the largest value of a tensor; of a loss of about 6, absolute. */
const tolerance = { logits: 1e-5, gradients: 1e-4, loss: 3e-6, sliced: 2e-5, decoded: 1e-5 };

const configOf = (name: string): { family: Family; config: ModelConfig } =>
  readModelConfig(JSON.parse(readFileSync(path.join(goldenFamily(name).folder, 'config.json'), 'utf8')));

const wholeBatch = (rows: readonly (readonly number[])[]): Batch => packBatches(rows, Infinity)[0];

function tensor(name: string, key: string): Float32Array {
  const found = goldenFamily(name).tensors.get(key);
  if (!found) throw new RangeError(`The golden file of ${name} has no ${key}.`);
  return found.data;
}

it('has golden values for every family that is registered', () => {
  const covered = new Set(goldenFamilyNames.map((name) => configOf(name).family.id));
  expect([...covered].sort()).toEqual(families.map(({ id }) => id).sort());
});

describe.each(goldenFamilyNames)('%s', (name) => {
  const golden = goldenFamily(name);
  const batch = wholeBatch(golden.inputIds);

  it('has the logits, the loss and the gradient of every parameter that its own code gives', async () => {
    const network = await openNetwork(golden.folder);
    expect(worstOfLargest(await logitsOf(network, batch), tensor(name, 'logits'))).toBeLessThan(
      tolerance.logits,
    );
    const { loss, gradients } = await wholeGraph(network.model, [batch]);
    expect(Math.abs(loss - golden.loss)).toBeLessThan(tolerance.loss);
    expect([...gradients.keys()].map((param) => `grad.${param}`).sort()).toEqual(
      [...golden.tensors.keys()].filter((key) => key.startsWith('grad.')).sort(),
    );
    for (const [param, found] of gradients) {
      expect(worstOfLargest(found, tensor(name, `grad.${param}`)), param).toBeLessThan(tolerance.gradients);
    }
  });

  it('goes back layer by layer, with dyᵀ·x for the gradient of every linear weight', async () => {
    const network = await openNetwork(golden.folder, 'stream');
    const { family, config } = network.model;
    const hidden = await forward(network, batch);
    const upstream = lossWeights(batch, 1 / predictedTokens(batch));
    let { dx } = await network.lossesAndGradient(hidden[network.layerCount], batch, upstream);
    for (let layer = network.layerCount - 1; layer >= 0; layer--) {
      const linear = linearWeights(family, config, config.layers[layer]);
      const weights = await network.takeLayer(layer);
      const wanted = { contracted: linear, params: [] };
      const gradient = await network.backwardLayer(layer, weights, hidden[layer], dx, batch, wanted);
      for (const param of linear) {
        const expected = tensor(name, `grad.${family.layerPrefix(layer)}${param}`);
        const found = contracted(gradient, param, batch.ids.length);
        expect(worstOfLargest(found, expected), `layer ${layer} ${param}`).toBeLessThan(tolerance.gradients);
      }
      ({ dx } = gradient);
    }
  });

  it('costs what its weights are', async () => {
    const { model } = await openNetwork(golden.folder);
    const { family, config, checkpoint } = model;
    const { parameters } = modelCosts(family, config, config, () => 4);
    expect(parameters).toBe(golden.parameters);
    const elements = [...checkpoint.tensors.values()].map(({ shape }) => shape.reduce((a, b) => a * b, 1));
    expect(parameters).toBe(elements.reduce((a, b) => a + b, 0));
  });

  it('sliced, written and reopened is the original with the removed parts cut off, and costs what the plan says', async () => {
    const { model } = await openNetwork(golden.folder);
    const { family, config } = model;
    const few = wholeBatch(golden.inputIds.slice(0, 2));
    const check = async (plan: PrunePlan): Promise<void> => {
      const reference = new Network(model, openWeightStore(masked(model, plan), 'stream'), session);
      const pruned = await openNetwork(await writePruned(model, plan));
      expect(pruned.model.family.id === family.id || family.id === 'llama').toBe(true);
      expect(pruned.model.config.layers).toEqual(shapesAfter(plan));
      const expected = await logitsOf(reference, few);
      await reference.release();
      expect(worstOfLargest(await logitsOf(pruned, few), expected)).toBeLessThan(tolerance.sliced);
      const { parameters, weightBytes } = modelCosts(family, config, shapeLeftBy(plan, config), () => 4);
      expect(weightBytes).toBe(pruned.model.checkpoint.totalBytes);
      expect(parameters).toBe(weightBytes / 4);
    };
    await fc.assert(fc.asyncProperty(plans(model), check), { seed: 3, numRuns: 6 });
  });

  it('writes widths that differ by layer, and widths that do not, so that they are read back', () => {
    const { family, config } = configOf(name);
    const [first] = config.layers;
    const rep = first.heads / first.kvHeads;
    const narrow = { heads: rep, kvHeads: 1, mlpWidth: 7 };
    for (const layers of [config.layers.map(() => narrow), [narrow, ...config.layers.slice(1)]]) {
      const origins = layers.map(({ heads }, layer) => ({ layer, heads: range(0, heads) }));
      const { json, loaders } = family.writeConfig(config, {
        hiddenSize: config.hiddenSize,
        layers,
        origins,
      });
      const { config: found } = readModelConfig(JSON.parse(JSON.stringify(json)));
      const plain = { familyId: '', headOrigins: undefined, source: {} };
      expect({ ...found, ...plain }).toEqual({ ...config, layers, ...plain });
      expect(loaders).toMatch(/LLM-Pruner Studio open/);
    }
  });

  it('says the same token by token, with what it computed before kept', async () => {
    const network = await openNetwork(golden.folder);
    const memory = planMemory(network.model.config, network.model.checkpoint.totalBytes, 2 ** 30);
    const decoder = new Decoder(network, batch.rows, memory);
    const width = network.model.config.vocabSize;
    const logits = tensor(name, 'logits');
    const begin = beginOf(golden.inputIds);
    for (const [from, to] of [[0, begin], ...range(begin, batch.length).map((i) => [i, i + 1])]) {
      const ids = Int32Array.from(golden.inputIds.flatMap((row) => row.slice(from, to)));
      const found = await decoder.advance(ids, unhurried);
      const expected = golden.inputIds.flatMap((_, row) => {
        const at = (row * batch.length + to - 1) * width;
        return [...logits.subarray(at, at + width)];
      });
      expect(worstOfLargest(found, expected), `after ${to} tokens`).toBeLessThan(tolerance.decoded);
    }
  });

  it('has an adapter for every linear weight of a layer', () => {
    const { family, config } = configOf(name);
    const { graph } = blockGraph(family, config, config.layers[0]);
    const lastParts = linearWeights(family, config, config.layers[0]).map((param) =>
      param.replace(/^.*\.([^.]+)\.weight$/, '$1'),
    );
    expect(adaptableTargets(graph)).toEqual(lastParts);
  });
});

/** Parameters [out, in] of one layer, in order of use. */
function linearWeights(family: Family, config: ModelConfig, shape: LayerShape): string[] {
  const { graph } = blockGraph(family, config, shape);
  return [...graph.params.values()].filter(({ axes }) => axes.length === 2).map(({ name }) => name);
}

/** A prompt that tells every family where its answer begins. */
const beginOf = (rows: readonly (readonly number[])[]): number => Math.min(11, rows[0].length - 2);

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
