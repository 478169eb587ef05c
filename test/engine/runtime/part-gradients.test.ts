import { describe, expect, it } from 'vitest';
import type { Checkpoint } from '../../../main/engine/checkpoint/checkpoint.ts';
import {
  lossWeights,
  packBatches,
  predictedTokens,
  sumOfPredicted,
} from '../../../main/engine/runtime/batch.ts';
import type { Model } from '../../../main/engine/runtime/model.ts';
import { Network } from '../../../main/engine/runtime/network.ts';
import { openWeightStore } from '../../../main/engine/runtime/residency.ts';
import { numbers, type Values } from '../../../main/engine/runtime/session.ts';
import { RandomStream } from '../../../main/engine/tensor/random.ts';
import { goldenForward, goldenModelFolder } from '../../fixtures/golden-files.ts';
import { openNetwork, session } from '../../fixtures/open-network.ts';

const [batch] = packBatches(goldenForward('gqa').inputIds, 1000);
const weights = lossWeights(batch, 1 / predictedTokens(batch));

async function hiddenOf(network: Network): Promise<Values[]> {
  const hidden = [await network.embed(batch)];
  for (let layer = 0; layer < network.layerCount; layer++)
    hidden.push(await network.forwardLayer(layer, await network.takeLayer(layer), hidden[layer], batch));
  return hidden;
}

/** The mean loss with one parameter moved by `step` times a direction. */
async function lossAt(
  model: Model,
  param: string,
  direction: ArrayLike<number>,
  step: number,
): Promise<number> {
  const { checkpoint } = model;
  const moved: Checkpoint = {
    folder: checkpoint.folder,
    tensors: checkpoint.tensors,
    others: checkpoint.others,
    totalBytes: checkpoint.totalBytes,
    info: (name) => checkpoint.info(name),
    readRows: (name, from, to) => checkpoint.readRows(name, from, to),
    close: () => checkpoint.close(),
    read: async (name) => {
      const values = await checkpoint.read(name);
      return name === param ? values.map((value, i) => value + step * direction[i]) : values;
    },
  };
  const network = new Network(model, openWeightStore(moved, 'stream'), session);
  const losses = await network.losses((await hiddenOf(network))[network.layerCount], batch);
  await network.release();
  return sumOfPredicted(losses, batch) / predictedTokens(batch);
}

/** Gradients of the norms' weights and of the embedding as estimation takes them, by full name. */
async function gradientsOf(network: Network): Promise<Map<string, ArrayLike<number>>> {
  const hidden = await hiddenOf(network);
  const found = new Map<string, ArrayLike<number>>();
  const norms = { contracted: [], params: ['input_layernorm.weight', 'post_attention_layernorm.weight'] };
  const atHead = { contracted: [], params: ['model.norm.weight'] };
  const head = await network.lossesAndGradient(hidden[network.layerCount], batch, weights, atHead);
  for (const [name, gradient] of head.params) found.set(name, gradient);
  let { dx } = head;
  for (let layer = network.layerCount - 1; layer >= 0; layer--) {
    const taken = await network.takeLayer(layer);
    const gradient = await network.backwardLayer(layer, taken, hidden[layer], dx, batch, norms);
    for (const [name, values] of gradient.params) found.set(`model.layers.${layer}.${name}`, values);
    ({ dx } = gradient);
  }
  const embedding = 'model.embed_tokens.weight';
  const looked = await network.embedGradient(batch, dx, { contracted: [embedding], params: [] });
  const { vocabSize, hiddenSize } = network.model.config;
  const scattered = new Float64Array(vocabSize * hiddenSize);
  const dy = numbers(looked.lookups.get(embedding) ?? new Float32Array());
  batch.ids.forEach((id, token) => {
    for (let h = 0; h < hiddenSize; h++) scattered[id * hiddenSize + h] += dy[token * hiddenSize + h];
  });
  return found.set(embedding, scattered);
}

describe('gradients of norms and embedding', () => {
  it('are the slopes of the loss along random directions', async () => {
    const network = await openNetwork(goldenModelFolder('gqa'));
    const gradients = await gradientsOf(network);
    expect(gradients.size).toBe(2 * network.layerCount + 2);
    for (const [i, [param, gradient]] of [...gradients].entries()) {
      const random = new RandomStream(3, 'initialisation', i);
      const direction = Array.from(gradient, () => random.uniform() - 0.5);
      const expected = direction.reduce((sum, along, at) => sum + along * gradient[at], 0);
      const norm = Math.hypot(...Array.from(gradient));
      const step = 2e-3;
      const [above, below] = [
        await lossAt(network.model, param, direction, step),
        await lossAt(network.model, param, direction, -step),
      ];
      const slope = (above - below) / (2 * step);
      // The loss is a float32 number: the difference of two is 1e-7 off or more.
      expect(Math.abs(slope - expected), param).toBeLessThan(1e-2 * norm + 3e-4);
      expect(norm, param).toBeGreaterThan(0.01);
    }
  });
});
