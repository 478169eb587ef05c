/** A row to train on. */
export interface TrainingExample {
  readonly ids: Int32Array;
  /** 1 where a token is to be predicted, 0 where it is only read: prompts. The first is never predicted. [ids] */
  readonly learnt: Uint8Array;
  /** Which row of the data it was cut from, counted from 0; a plain text is one document. */
  readonly document: number;
}

/** Tokens that a row's loss is taken over. */
export function learntTokens({ learnt }: Pick<TrainingExample, 'learnt'>): number {
  let count = 0;
  for (let i = 1; i < learnt.length; i++) count += learnt[i];
  return count;
}
