import { describe, expect, it, onTestFinished } from 'vitest';
import { deriveBackward, gradientName, upstreamName } from '../../../main/engine/derive/backward.ts';
import { crossEntropy } from '../../../main/engine/ops/index.ts';
import {
  labelsOf,
  lossWeights,
  packBatches,
  predictedTokens,
  sumOfPredicted,
  type Batch,
} from '../../../main/engine/runtime/batch.ts';
import type { Model } from '../../../main/engine/runtime/model.ts';
import { modelGraph } from '../../../main/engine/runtime/model-graph.ts';
import type { BlockGradient, Network } from '../../../main/engine/runtime/network.ts';
import { floats, indices, numbers, openSession, weightFeed, type Feed } from '../../../main/engine/runtime/session.ts';
import { worstOfLargest } from '../../fixtures/closeness.ts';
import {
  goldenForward,
  goldenModelFolder,
  goldenModelNames,
  goldenTensors,
} from '../../fixtures/golden-files.ts';
import type { GoldenTensor } from '../../fixtures/golden-files.ts';
import { openNetwork, session } from '../../fixtures/open-network.ts';

/** Relative to the largest value of a tensor. PyTorch's own float32 is 2e-6 to 2e-5 off float64 (golden/README.md). */
const tolerance = { activations: 1e-5, gradients: 1e-4 };
/** Absolute, of a loss of about 6. */
const lossTolerance = 3e-6;

const linearNames = [
  ...['q_proj', 'k_proj', 'v_proj', 'o_proj'].map((name) => `self_attn.${name}.weight`),
  ...['gate_proj', 'up_proj', 'down_proj'].map((name) => `mlp.${name}.weight`),
];

const tokensOf = (rows: readonly (readonly number[])[]): number =>
  rows.reduce((total, row) => total + row.length, 0);

function tensor(tensors: ReadonlyMap<string, GoldenTensor>, name: string): Float32Array {
  const found = tensors.get(name);
  if (!found) throw new RangeError(`The golden file has no ${name}.`);
  return found.data;
}

/** Hidden states before each layer and before the head. */
async function forward(network: Network, batch: Batch): Promise<Float32Array[]> {
  const hidden = [await network.embed(batch)];
  for (let layer = 0; layer < network.layerCount; layer++) {
    const weights = await network.takeLayer(layer);
    network.prefetchLayer(layer + 1);
    hidden.push(await network.forwardLayer(layer, weights, hidden[layer], batch));
  }
  return hidden.map(numbers);
}

/** ∂L/∂W = dyᵀ·x over all tokens, in float64. [outputs · inputs] */
function contracted({ contractions }: BlockGradient, param: string, tokens: number): Float64Array {
  const found = contractions.get(param);
  if (!found) throw new RangeError(`${param} was not given out.`);
  const [x, dy] = [numbers(found.x), numbers(found.dy)];
  const inputs = x.length / tokens;
  const outputs = dy.length / tokens;
  const gradient = new Float64Array(outputs * inputs);
  for (let token = 0; token < tokens; token++) {
    for (let o = 0; o < outputs; o++) {
      const upstream = dy[token * outputs + o];
      for (let i = 0; i < inputs; i++) gradient[o * inputs + i] += upstream * x[token * inputs + i];
    }
  }
  return gradient;
}

/** Σ over tokens of ∂L/∂(embedded token), by token. [vocabulary · hidden] */
function scattered(dx: Float32Array, { ids }: Batch, rows: number): Float64Array {
  const width = dx.length / ids.length;
  const gradient = new Float64Array(rows * width);
  ids.forEach((id, token) => {
    for (let h = 0; h < width; h++) gradient[id * width + h] += dx[token * width + h];
  });
  return gradient;
}

/** Losses and gradients of every parameter over several batches, from the whole network as one graph. */
async function wholeGraph(
  model: Model,
  batches: readonly Batch[],
): Promise<{ loss: number; gradients: Map<string, Float64Array> }> {
  const { family, config, checkpoint } = model;
  const { graph, logits } = modelGraph(family, config);
  const labels = graph.input('labels', 'int64', ['batch', 'sequence']);
  const losses = graph.apply(crossEntropy, { logits, labels }).y;
  const params = [...graph.params.values()];
  const dtypes = new Map(params.map(({ name }) => [name, checkpoint.info(name).dtype]));
  const request = { result: losses, inputs: [], params, contracted: [], forward: { losses } };
  const opened = await openSession(deriveBackward(graph, request, dtypes), session);
  onTestFinished(() => opened.release());
  const weights: Record<string, Feed> = {};
  for (const { name } of params) {
    const { dtype, shape } = checkpoint.info(name);
    weights[name] = weightFeed(await checkpoint.read(name), dtype, shape);
  }
  const predicted = batches.reduce((total, batch) => total + predictedTokens(batch), 0);
  const gradients = new Map(params.map(({ name }) => [name, new Float64Array(weights[name].dims.reduce((a, b) => a * b, 1))]));
  let total = 0;
  for (const batch of batches) {
    const dims = [batch.rows, batch.length];
    const side = Object.entries(family.sideInputs(config, { length: batch.length }));
    const results = await opened.run({
      ...weights,
      ...Object.fromEntries(side.map(([name, { data, dims: sideDims }]) => [name, floats(data, sideDims)])),
      ids: indices(batch.ids, dims),
      labels: labelsOf(batch),
      [upstreamName]: floats(lossWeights(batch, 1 / predicted), dims),
    });
    total += sumOfPredicted(results.losses.data, batch);
    for (const [name, sum] of gradients) {
      results[gradientName(name)].data.forEach((value, i) => {
        sum[i] += value;
      });
    }
  }
  return { loss: total / predicted, gradients };
}

describe.each(goldenModelNames)('%s', (name) => {
  const golden = goldenForward(name);
  const tensors = goldenTensors('llama', name);
  const folder = goldenModelFolder(name);
  const [whole] = packBatches(golden.inputIds, tokensOf(golden.inputIds));

  it.each(['stream', 'ram'] as const)('forward layer by layer, weights from %s', async (residency) => {
    const network = await openNetwork(folder, residency);
    const hidden = await forward(network, whole);
    hidden.forEach((found, layer) => {
      const worst = worstOfLargest(found, tensor(tensors, `hidden.${layer}`));
      expect(worst, `hidden states before layer ${layer}`).toBeLessThan(tolerance.activations);
    });
    const last = hidden[network.layerCount];
    const logits = await network.logits(last, whole);
    expect(logits.dims).toEqual(tensors.get('logits')?.dims);
    expect(worstOfLargest(logits.data, tensor(tensors, 'logits'))).toBeLessThan(tolerance.activations);
    const loss = sumOfPredicted(await network.losses(last, whole), whole) / predictedTokens(whole);
    expect(Math.abs(loss - golden.loss)).toBeLessThan(lossTolerance);
  });

  it('backward layer by layer: dx down to the embedding, and dyᵀ·x for the gradient of every linear weight', async () => {
    const network = await openNetwork(folder, 'stream');
    const hidden = await forward(network, whole);
    const upstream = lossWeights(whole, 1 / predictedTokens(whole));
    const head = await network.lossesAndGradient(hidden[network.layerCount], whole, upstream);
    const meanLoss = sumOfPredicted(head.losses, whole) / predictedTokens(whole);
    expect(Math.abs(meanLoss - golden.loss)).toBeLessThan(lossTolerance);
    let { dx } = head;
    for (let layer = network.layerCount - 1; layer >= 0; layer--) {
      const weights = await network.takeLayer(layer);
      const gradient = await network.backwardLayer(layer, weights, hidden[layer], dx, whole, {
        contracted: linearNames,
        params: [],
      });
      for (const param of linearNames) {
        const found = contracted(gradient, param, whole.ids.length);
        const expected = tensor(tensors, `grad.model.layers.${layer}.${param}`);
        expect(worstOfLargest(found, expected), `layer ${layer} ${param}`).toBeLessThan(tolerance.gradients);
      }
      ({ dx } = gradient);
    }
    // A tied embedding also has the head's gradient: the whole graph below covers it.
    if (!network.model.config.tiedEmbeddings) {
      const found = scattered(numbers(dx), whole, network.model.config.vocabSize);
      const expected = tensor(tensors, 'grad.model.embed_tokens.weight');
      expect(worstOfLargest(found, expected)).toBeLessThan(tolerance.gradients);
    }
  });

  it('backward as one graph: the gradient of every parameter', async () => {
    const { model } = await openNetwork(folder);
    const { loss, gradients } = await wholeGraph(model, [whole]);
    expect(Math.abs(loss - golden.loss)).toBeLessThan(lossTolerance);
    expect([...gradients.keys()].map((param) => `grad.${param}`).sort()).toEqual(
      [...tensors.keys()].filter((key) => key.startsWith('grad.')).sort(),
    );
    for (const [param, found] of gradients) {
      const worst = worstOfLargest(found, tensor(tensors, `grad.${param}`));
      expect(worst, param).toBeLessThan(tolerance.gradients);
    }
  });

  it('rows of different lengths: logits, and loss and gradients of the mean over all predicted tokens', async () => {
    const network = await openNetwork(folder);
    const batches = packBatches(golden.raggedIds, 64);
    const found: number[] = [];
    for (const batch of batches) {
      const last = (await forward(network, batch))[network.layerCount];
      found.push(...(await network.logits(last, batch)).data);
    }
    expect(worstOfLargest(found, tensor(tensors, 'ragged.logits'))).toBeLessThan(tolerance.activations);
    const { loss, gradients } = await wholeGraph(network.model, batches);
    expect(Math.abs(loss - golden.raggedLoss)).toBeLessThan(lossTolerance);
    for (const [param, gradient] of gradients) {
      const worst = worstOfLargest(gradient, tensor(tensors, `ragged.grad.${param}`));
      expect(worst, param).toBeLessThan(tolerance.gradients);
    }
  });
});
