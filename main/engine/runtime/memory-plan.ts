import type { ModelConfig } from '../families/family.ts';
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

/** Float32 arrays as wide as the hidden size, as an MLP, as the vocabulary, that a backward pass holds at once a token. */
const liveArrays = { hidden: 24, mlp: 10, vocabulary: 5 };

export function planMemory(config: ModelConfig, weightBytes: number, budgetBytes: number): MemoryPlan {
  const fitting = Math.floor(budgetBytes / 4 / tokenBytes(config));
  return {
    budgetBytes,
    residency: chooseResidency(weightBytes, budgetBytes),
    batchTokens: Math.max(1, Math.min(mostBatchTokens, fitting)),
    activationBytes: Math.floor(budgetBytes / 4),
  };
}

/** What one token of a batch takes in the layer, or the head, that holds most at once. */
function tokenBytes({ hiddenSize, vocabSize, layers }: ModelConfig): number {
  const mlpWidth = Math.max(...layers.map((layer) => layer.mlpWidth));
  const layerBytes = 4 * (liveArrays.hidden * hiddenSize + liveArrays.mlp * mlpWidth);
  return Math.max(layerBytes, 4 * liveArrays.vocabulary * vocabSize);
}

/** Node, ONNX Runtime and the program itself, as measured. */
const programBytes = 300 * 2 ** 20;

/**
 * Resident memory that a run with a few calibration samples comes to, about: the program, the weights that are kept or
 * the two layers under way (as stored, and one as float32), and a batch at work.
 */
export function expectedMemory(plan: MemoryPlan, config: ModelConfig, weightBytes: number): number {
  const layerBytes = weightBytes / config.layers.length;
  const weights = plan.residency === 'ram' ? weightBytes + 2 * layerBytes : 4 * layerBytes;
  const batch = plan.batchTokens * tokenBytes(config);
  return programBytes + Math.min(plan.budgetBytes, Math.round(weights + batch));
}
