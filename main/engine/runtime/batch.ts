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
}

/** Packs rows, in order, into batches of at most `maxTokens`; a batch holds rows of one length. */
export function packBatches(rows: readonly ArrayLike<number>[], maxTokens: number): Batch[] {
  const batches: Batch[] = [];
  let start = 0;
  while (start < rows.length) {
    const length = rows[start].length;
    const most = Math.max(1, Math.floor(maxTokens / length));
    let end = start + 1;
    while (end < rows.length && end - start < most && rows[end].length === length) end++;
    const ids = new Int32Array((end - start) * length);
    for (let row = start; row < end; row++) ids.set(rows[row], (row - start) * length);
    batches.push({ rows: end - start, length, ids });
    start = end;
  }
  return batches;
}

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

/** Tokens that have a successor to predict: all but each row's last. */
export const predictedTokens = ({ rows, length }: Batch): number => rows * (length - 1);

/** The next token at each position; 0 at a row's last, which predicts nothing. [rows, length] */
export function labelsOf({ rows, length, ids }: Batch): Feed {
  const labels = new Int32Array(rows * length);
  for (let row = 0; row < rows; row++) {
    labels.set(ids.subarray(row * length + 1, (row + 1) * length), row * length);
  }
  return indices(labels, [rows, length]);
}

/** ∂(mean loss)/∂(loss of a token): `weight` where a token is predicted, 0 at each row's last position. */
export function lossWeights({ rows, length }: Batch, weight: number): Float32Array {
  const weights = new Float32Array(rows * length).fill(weight);
  for (let row = 1; row <= rows; row++) weights[row * length - 1] = 0;
  return weights;
}

/** Sum over the positions that predict a token: all but each row's last. */
export function sumOfPredicted(losses: Float32Array, { length }: Batch): number {
  let total = 0;
  losses.forEach((loss, i) => {
    if ((i + 1) % length !== 0) total += loss;
  });
  return total;
}
