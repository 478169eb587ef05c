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
  const mlpWidth = Math.max(...config.layers.map((layer) => layer.mlpWidth));
  const layerBytes = 4 * (liveArrays.hidden * config.hiddenSize + liveArrays.mlp * mlpWidth);
  const headBytes = 4 * liveArrays.vocabulary * config.vocabSize;
  const fitting = Math.floor(budgetBytes / 4 / Math.max(layerBytes, headBytes));
  return {
    budgetBytes,
    residency: chooseResidency(weightBytes, budgetBytes),
    batchTokens: Math.max(1, Math.min(mostBatchTokens, fitting)),
    activationBytes: Math.floor(budgetBytes / 4),
  };
}
