import { ActivationStore } from '../runtime/activation-store.ts';
import {
  packBatches,
  predictedTokens,
  splitIntoRounds,
  sumOfPredicted,
  type Batch,
} from '../runtime/batch.ts';
import { forwardPass, hiddenKey } from '../runtime/forward-pass.ts';
import type { MemoryPlan } from '../runtime/memory-plan.ts';
import type { Network } from '../runtime/network.ts';
import { partOf, type Pace } from '../runtime/pace.ts';
import { textBehindMarks } from '../dataset/marked-rows.ts';
import { EngineError } from '../errors.ts';

export interface Perplexity {
  /** exp of the mean negative log-likelihood of the predicted tokens. */
  readonly perplexity: number;
  /** Tokens of the text in the chunks; each chunk predicts all of them, but the first where it stands behind no marks. */
  readonly tokens: number;
  readonly chunks: number;
  readonly seqLen: number;
}

/** How the rows of an evaluation text became one run of tokens. */
export type Joining =
  /** Rows of text joined by two newlines, and tokenised once. */
  | 'two-newlines'
  /** One running text, tokenised once. */
  | 'running-text'
  /** Rows of token ids, one after the other. */
  | 'token-ids';

/** What a perplexity was measured on: numbers of different protocols are not to be compared. */
export interface PerplexityProtocol {
  /** Name of the file. */
  readonly text: string;
  /** sha256 of the file. */
  readonly sha256: string;
  /** Rows that were taken; null for a running text. */
  readonly rows: number | null;
  readonly joined: Joining;
  /** Whether the tokenizer put a token of its own, BOS, at the very start; there is none anywhere else. */
  readonly bos: boolean;
  /** Names of the marks that each chunk stands behind (ChatGLM's [gMASK] <sop>); left out where there are none. */
  readonly marks?: string;
}

/** What a measurement works with. */
export interface MeasuringTools {
  readonly memory: MemoryPlan;
  readonly scratchPath: string;
  readonly pace: Pace;
  /** Ids in front of each chunk, which are read and not predicted; none where it is left out. */
  readonly marks?: readonly number[] | undefined;
}

export interface MeasuredPerplexity extends Perplexity, PerplexityProtocol {}

/**
 * Perplexity as LLM-Pruner computes it (docs/method.md, Evaluation): the text tokenised once, cut into chunks of `seqLen` that
 * do not overlap, the tail dropped, exp of the mean over the seqLen - 1 predicted tokens of every chunk; behind marks,
 * over all of its tokens.
 * @throws EngineError text-too-short where not even one chunk can be filled.
 */
export async function measurePerplexity(
  network: Network,
  tokens: ArrayLike<number>,
  seqLen: number,
  { memory, scratchPath, pace, marks }: MeasuringTools,
): Promise<Perplexity> {
  const chunks = cutIntoChunks(tokens, seqLen);
  const batches = marks
    ? markedBatches(chunks, marks, memory.batchTokens)
    : packBatches(chunks, memory.batchTokens);
  // Hidden states before and after a layer.
  const bytesPerToken = 2 * 4 * network.model.config.hiddenSize;
  const rounds = splitIntoRounds(batches, bytesPerToken, memory.activationBytes);
  let total = 0;
  for (const [i, round] of rounds.entries()) {
    total += await sumOfLosses(
      network,
      round,
      scratchPath,
      partOf(pace, i / rounds.length, (i + 1) / rounds.length),
    );
  }
  const predicted = batches.reduce((count, batch) => count + predictedTokens(batch), 0);
  return {
    perplexity: Math.exp(total / predicted),
    tokens: chunks.length * seqLen,
    chunks: chunks.length,
    seqLen,
  };
}

function markedBatches(
  chunks: readonly Int32Array[],
  marks: readonly number[],
  batchTokens: number,
): Batch[] {
  const rows = chunks.map((chunk) => textBehindMarks(marks, chunk));
  return packBatches(
    rows.map(({ ids }) => ids),
    batchTokens,
    rows.map(({ learnt }) => learnt),
  );
}

function cutIntoChunks(tokens: ArrayLike<number>, seqLen: number): Int32Array[] {
  const all = Int32Array.from(tokens);
  const count = Math.floor(all.length / seqLen);
  if (count === 0) {
    throw new EngineError(
      'text-too-short',
      `The evaluation text has ${all.length} tokens, but one chunk needs ${seqLen}.`,
      { tokens: all.length, seqLen },
      'Give a longer text, or a smaller sequence length.',
    );
  }
  return Array.from({ length: count }, (_, i) => all.subarray(i * seqLen, (i + 1) * seqLen));
}

async function sumOfLosses(
  network: Network,
  batches: readonly Batch[],
  scratchPath: string,
  pace: Pace,
): Promise<number> {
  const store = new ActivationStore(scratchPath, Infinity);
  try {
    await forwardPass(network, batches, store, partOf(pace, 0, 0.9), false);
    return await sumOfStored(network, batches, store, pace);
  } finally {
    await store.close();
  }
}

async function sumOfStored(
  network: Network,
  batches: readonly Batch[],
  store: ActivationStore,
  pace: Pace,
): Promise<number> {
  let total = 0;
  for (const [i, batch] of batches.entries()) {
    const losses = await network.losses(await store.get(hiddenKey(network.layerCount, i)), batch);
    total += sumOfPredicted(losses, batch);
    store.drop(hiddenKey(network.layerCount, i));
    await pace.breathe();
    pace.report(0.9 + (0.1 * (i + 1)) / batches.length);
  }
  return total;
}
