import type { ModelConfig } from '../families/family.ts';
import type { DeviceKind } from './device.ts';
import { chooseResidency, type Residency } from './residency.ts';

/** How a memory budget is spent: decided once, written into the run and used again when it is resumed. */
export interface MemoryPlan {
  readonly budgetBytes: number;
  readonly residency: Residency;
  /** Tokens that go through a layer together. */
  readonly batchTokens: number;
  /** Hidden states and gradients kept in memory between layers; what is above goes to a scratch file. */
  readonly activationBytes: number;
}

/** More tokens a batch no longer make the matrix products faster. */
const mostBatchTokens = 2048;

/** Float32 arrays of a weight a head for each pair of positions that a backward pass of attention holds at once. */
const liveAttentionArrays = 5;

/** Float32 arrays as wide as the hidden size, as an MLP, as the vocabulary, that a backward pass holds at once a token. */
const liveArrays = { hidden: 24, mlp: 10, vocabulary: 5 };

/** The same while adapters are trained: a mask and a masked x more for each adapted weight. */
const trainingArrays = { ...liveArrays, hidden: liveArrays.hidden + 12, mlp: liveArrays.mlp + 2 };

/** @param weightBytes What the weights take on the device, were they kept there. */
export function planMemory(
  config: ModelConfig,
  weightBytes: number,
  budgetBytes: number,
  device: DeviceKind = 'cpu',
): MemoryPlan {
  return {
    budgetBytes,
    residency: chooseResidency(weightBytes, budgetBytes, device),
    batchTokens: batchTokens(config, budgetBytes, liveArrays),
    activationBytes: Math.floor(budgetBytes / 4),
  };
}

/** Rows of `length` tokens that fit the budget together while adapters are trained; at least one, at most `most`. */
export function planMicroBatch(
  config: ModelConfig,
  budgetBytes: number,
  length: number,
  most: number,
): number {
  const heads = Math.max(...config.layers.map((layer) => layer.heads));
  const attentionBytes = 4 * liveAttentionArrays * heads * length;
  const tokens = batchTokens(config, budgetBytes, trainingArrays, attentionBytes);
  return Math.max(1, Math.min(most, Math.floor(tokens / length)));
}

/**
 * Whether a training's sessions may keep their memory between runs: a third faster, at twice of what one run holds.
 * @param tokens That go through a layer together.
 */
export function arenaFits(
  { config, weightBytes }: { readonly config: ModelConfig; readonly weightBytes: number },
  { residency, budgetBytes }: MemoryPlan,
  tokens: number,
): boolean {
  if (residency !== 'ram') return false;
  // The head's weight as float32, and turned.
  const headBytes = 2 * 4 * config.vocabSize * config.hiddenSize;
  return weightBytes + 2 * (headBytes + tokens * tokenBytes(config, trainingArrays)) <= budgetBytes;
}

function batchTokens(
  config: ModelConfig,
  budgetBytes: number,
  arrays: typeof liveArrays,
  attentionBytes = 0,
): number {
  const fitting = Math.floor(budgetBytes / 4 / tokenBytes(config, arrays, attentionBytes));
  return Math.max(1, Math.min(mostBatchTokens, fitting));
}

/** What one token of a batch takes in the layer, or the head, that holds most at once. */
function tokenBytes(
  { hiddenSize, vocabSize, layers }: ModelConfig,
  arrays: typeof liveArrays,
  attentionBytes = 0,
): number {
  const mlpWidth = Math.max(...layers.map((layer) => layer.mlpWidth));
  const layerBytes = attentionBytes + 4 * (arrays.hidden * hiddenSize + arrays.mlp * mlpWidth);
  return Math.max(layerBytes, 4 * arrays.vocabulary * vocabSize);
}

/** Node, ONNX Runtime and the program itself, as measured. */
export const programBytes = 300 * 2 ** 20;

/**
 * Resident memory that a run with a few calibration samples comes to, about: the program, the weights that are kept or
 * the two layers under way (as stored, and one as float32), and a batch at work.
 */
export function expectedMemory(plan: MemoryPlan, config: ModelConfig, weightBytes: number): number {
  const layerBytes = weightBytes / config.layers.length;
  const weights = plan.residency === 'ram' ? weightBytes + 2 * layerBytes : 4 * layerBytes;
  const batch = plan.batchTokens * tokenBytes(config, liveArrays);
  return programBytes + Math.min(plan.budgetBytes, Math.round(weights + batch));
}
