import { maskName } from '../derive/lora.ts';
import { learntTokens, type TrainingExample } from '../dataset/training-example.ts';
import type { ActivationStore } from '../runtime/activation-store.ts';
import { splitIntoRounds, sumOfPredicted } from '../runtime/batch.ts';
import { forwardPass, hiddenKey, type LayerFeeds } from '../runtime/forward-pass.ts';
import { lossGradients, upstreamKey } from '../runtime/loss-gradients.ts';
import type { Network } from '../runtime/network.ts';
import type { Pace } from '../runtime/pace.ts';
import { floats, type Feed } from '../runtime/session.ts';
import { fillDropoutMask } from '../tensor/random.ts';
import { trainingBatches, type TrainingBatch } from './training-batches.ts';

/** How rows go through a network: what decides the bits of a gradient, and where its activations lie. */
export interface PassOptions {
  /** Rows that go through a layer together. */
  readonly microBatch: number;
  /** Bytes of layer inputs kept at once where weights are streamed. */
  readonly activationBytes: number;
  readonly store: ActivationStore;
  /** Only its `breathe` is used. */
  readonly pace: Pace;
}

/** Dropout of a training step; rate 0 for a network without masks. */
export interface Dropout {
  readonly rate: number;
  readonly seed: number;
  readonly step: number;
}

export interface StepGradient {
  /** Mean over the learnt tokens of all rows. */
  readonly loss: number;
  /** ∂loss/∂(adapter matrix), by full name. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

/**
 * Loss and adapter gradients of one step. The mean is over the learnt tokens of all rows, so that, beyond rounding,
 * the result does not depend on the micro-batch. Rows go forward layer by layer with each layer's input kept, then
 * back; where weights are streamed, as many micro-batches go together as have room, so that a weight is read less
 * often. The order of sums does not depend on that.
 */
export async function adapterGradients(
  network: Network,
  examples: readonly TrainingExample[],
  dropout: Dropout,
  options: PassOptions,
): Promise<StepGradient> {
  const learnt = examples.reduce((total, example) => total + learntTokens(example), 0);
  const gradients = new Map<string, Float32Array>();
  let lossSum = 0;
  for (const round of rounds(network, examples, options)) {
    const masks = masksOf(network, dropout);
    const tools = { store: options.store, pace: silent(options.pace) };
    await forwardPass(network, round, tools.store, tools.pace, true, masks);
    lossSum += await lossGradients(network, round, 1 / learnt, tools);
    await backwardRound(network, round, masks, gradients, options);
  }
  return { loss: lossSum / learnt, gradients };
}

/** Mean loss over the learnt tokens, changing nothing. */
export async function meanLoss(
  network: Network,
  examples: readonly TrainingExample[],
  options: PassOptions,
): Promise<number> {
  const { store, pace, microBatch, activationBytes } = options;
  const bytesPerToken = 2 * 4 * network.model.config.hiddenSize;
  let total = 0;
  for (const round of splitIntoRounds(
    trainingBatches(examples, microBatch),
    bytesPerToken,
    activationBytes,
  )) {
    await forwardPass(network, round, store, silent(pace), false);
    for (const [i, batch] of round.entries()) {
      const key = hiddenKey(network.layerCount, i);
      total += sumOfPredicted(await network.losses(await store.get(key), batch), batch);
      store.drop(key);
      await pace.breathe();
    }
  }
  return total / examples.reduce((count, example) => count + learntTokens(example), 0);
}

/** Micro-batches whose layer inputs are kept together. Weights that stay in memory cost nothing to take again. */
function rounds(
  network: Network,
  examples: readonly TrainingExample[],
  { microBatch, activationBytes }: PassOptions,
): TrainingBatch[][] {
  const bytesPerToken = 4 * network.model.config.hiddenSize * (network.layerCount + 2);
  const budgetBytes = network.weights.residency === 'stream' ? activationBytes : 0;
  return splitIntoRounds(trainingBatches(examples, microBatch), bytesPerToken, budgetBytes);
}

/** Dropout masks of a layer, drawn anew for the backward pass: the same numbers, and nothing is kept between. */
function masksOf(network: Network, { rate, seed, step }: Dropout): LayerFeeds<TrainingBatch> {
  if (rate === 0) return () => ({});
  return (layer, { rows, length, rowsOfStep }) => {
    const feeds = network.adaptedWeights(layer).map(({ module, inSize }, tensor): [string, Feed] => {
      const mask = new Float32Array(rows * length * inSize);
      rowsOfStep.forEach((row, i) => {
        const ofRow = mask.subarray(i * length * inSize, (i + 1) * length * inSize);
        fillDropoutMask(ofRow, seed, { step, row, layer, tensor }, rate);
      });
      return [maskName(module), floats(mask, [rows, length, inSize])];
    });
    return Object.fromEntries(feeds);
  };
}

async function backwardRound(
  network: Network,
  round: readonly TrainingBatch[],
  masks: LayerFeeds<TrainingBatch>,
  gradients: Map<string, Float32Array>,
  { store, pace }: PassOptions,
): Promise<void> {
  for (let layer = network.layerCount - 1; layer >= 0; layer--) {
    const weights = await network.takeLayer(layer);
    network.prefetchLayer(layer - 1);
    const prefix = network.model.family.layerPrefix(layer);
    for (const [i, batch] of round.entries()) {
      const x = await store.get(hiddenKey(layer, i));
      const upstream = await store.get(upstreamKey(i));
      const fed = { ...weights, ...masks(layer, batch) };
      const { dx, params } = await network.adapterGradients(layer, fed, x, upstream, batch);
      store.drop(hiddenKey(layer, i));
      await store.put(upstreamKey(i), dx);
      for (const [name, gradient] of params) addTo(gradients, prefix + name, gradient);
      await pace.breathe();
    }
  }
  for (const i of round.keys()) store.drop(upstreamKey(i));
}

function addTo(gradients: Map<string, Float32Array>, name: string, gradient: Float32Array): void {
  const known = gradients.get(name);
  if (!known) gradients.set(name, gradient);
  else for (let i = 0; i < known.length; i++) known[i] += gradient[i];
}

const silent = (pace: Pace): Pace => ({ breathe: () => pace.breathe(), report: () => undefined });
