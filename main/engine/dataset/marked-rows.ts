import type { TextMarks } from '../tokenizer/tokenizer.ts';

/** A row of a model that writes behind marks. */
export interface MarkedRow {
  readonly ids: readonly number[];
  /** 1 where a token is to be predicted. [ids] */
  readonly learnt: Uint8Array;
}

/** A stretch of a text behind the marks alone; all of it is to be predicted, its first token from the last mark. */
export function textBehindMarks(marks: readonly number[], text: ArrayLike<number>): MarkedRow {
  return { ids: [...marks, ...Array.from(text)], learnt: learntFrom(marks.length, text.length) };
}

/** A context and the reply to it, with the marks where the model has them; only the reply is to be predicted. */
export function replyBehindMarks(
  { ids: marks, place }: TextMarks,
  context: readonly number[],
  reply: readonly number[],
): MarkedRow {
  const read = place === 'before' ? [...marks, ...context] : [...context, ...marks];
  return { ids: [...read, ...reply], learnt: learntFrom(read.length, reply.length) };
}

/** Ids with the end of a sequence behind them, once; as they are where a model has none. */
export function ended(ids: readonly number[], eosId: number | undefined): number[] {
  return eosId === undefined || ids.at(-1) === eosId ? [...ids] : [...ids, eosId];
}

function learntFrom(read: number, learnt: number): Uint8Array {
  return new Uint8Array(read + learnt).fill(1, read);
}
