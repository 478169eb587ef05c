import type { TokenTree } from '../families/family.ts';
import { indices, type Feed } from './session.ts';

/** Rows of token ids of one length, run through the network together. */
export interface Batch {
  readonly rows: number;
  readonly length: number;
  /** [rows · length] */
  readonly ids: Int32Array;
  /** How the tokens follow each other, where it is not one after the other; of a single row. */
  readonly tree?: TokenTree;
  /** 1 where a token is to be predicted; all but each row's first where it is left out. [rows · length] */
  readonly learnt?: Uint8Array;
}

/**
 * Packs rows, in order, into batches of at most `maxTokens`; a batch holds rows of one length.
 * @param learnt Of each row, 1 where a token is to be predicted.
 */
export function packBatches(
  rows: readonly ArrayLike<number>[],
  maxTokens: number,
  learnt?: readonly Uint8Array[],
): Batch[] {
  const batches: Batch[] = [];
  let start = 0;
  while (start < rows.length) {
    const length = rows[start].length;
    const most = Math.max(1, Math.floor(maxTokens / length));
    let end = start + 1;
    while (end < rows.length && end - start < most && rows[end].length === length) end++;
    const ids = new Int32Array((end - start) * length);
    for (let row = start; row < end; row++) ids.set(rows[row], (row - start) * length);
    const batch = { rows: end - start, length, ids };
    batches.push(learnt ? { ...batch, learnt: joined(learnt.slice(start, end)) } : batch);
    start = end;
  }
  return batches;
}

const joined = (rows: readonly Uint8Array[]): Uint8Array => Uint8Array.from(rows.flatMap((row) => [...row]));

/** The token ids row by row. */
export const rowsOf = ({ rows, length, ids }: Batch): Int32Array[] =>
  Array.from({ length: rows }, (_, row) => ids.subarray(row * length, (row + 1) * length));

/** As many batches a round, in order, as have room in a budget together; at least one. */
export function splitIntoRounds<B extends Batch>(
  batches: readonly B[],
  bytesPerToken: number,
  budgetBytes: number,
): B[][] {
  const rounds: B[][] = [];
  let room = 0;
  for (const batch of batches) {
    const sizeBytes = bytesPerToken * batch.rows * batch.length;
    if (rounds.length === 0 || sizeBytes > room) {
      rounds.push([]);
      room = budgetBytes;
    }
    rounds[rounds.length - 1].push(batch);
    room -= sizeBytes;
  }
  return rounds;
}

/** Whether the token behind a position is to be predicted; behind a row's last there is none. */
function predicts({ length, learnt }: Batch, position: number): boolean {
  return (position + 1) % length !== 0 && (learnt === undefined || learnt[position + 1] === 1);
}

/** Positions that predict a token. */
export function predictedTokens(batch: Batch): number {
  const { rows, length, learnt } = batch;
  if (learnt === undefined) return rows * (length - 1);
  return learnt.reduce((count, _, position) => count + (predicts(batch, position) ? 1 : 0), 0);
}

/** The next token at each position; 0 at a row's last, which predicts nothing. [rows, length] */
export function labelsOf({ rows, length, ids }: Batch): Feed {
  const labels = new Int32Array(rows * length);
  for (let row = 0; row < rows; row++) {
    labels.set(ids.subarray(row * length + 1, (row + 1) * length), row * length);
  }
  return indices(labels, [rows, length]);
}

/** ∂(mean loss)/∂(loss of a position): `weight` where a token is predicted, 0 elsewhere. */
export function lossWeights(batch: Batch, weight: number): Float32Array {
  const weights = new Float32Array(batch.rows * batch.length);
  for (let i = 0; i < weights.length; i++) if (predicts(batch, i)) weights[i] = weight;
  return weights;
}

/** Sum over the positions that predict a token. */
export function sumOfPredicted(losses: Float32Array, batch: Batch): number {
  let total = 0;
  losses.forEach((loss, i) => {
    if (predicts(batch, i)) total += loss;
  });
  return total;
}
