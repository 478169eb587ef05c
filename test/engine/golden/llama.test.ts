import { describe, expect, it } from 'vitest';
import {
  lossWeights,
  packBatches,
  predictedTokens,
  sumOfPredicted,
  type Batch,
} from '../../../main/engine/runtime/batch.ts';
import { numbers } from '../../../main/engine/runtime/session.ts';
import { worstOfLargest } from '../../fixtures/closeness.ts';
import {
  goldenForward,
  goldenModelFolder,
  goldenModelNames,
  goldenTensors,
} from '../../fixtures/golden-files.ts';
import type { GoldenTensor } from '../../fixtures/golden-files.ts';
import { openNetwork } from '../../fixtures/open-network.ts';
import { contracted, forward, wholeGraph } from '../../fixtures/whole-network.ts';

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

/** Σ over tokens of ∂L/∂(embedded token), by token. [vocabulary · hidden] */
function scattered(dx: Float32Array, { ids }: Batch, rows: number): Float64Array {
  const width = dx.length / ids.length;
  const gradient = new Float64Array(rows * width);
  ids.forEach((id, token) => {
    for (let h = 0; h < width; h++) gradient[id * width + h] += dx[token * width + h];
  });
  return gradient;
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
