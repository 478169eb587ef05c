/** A row to train on. */
export interface TrainingExample {
  readonly ids: Int32Array;
  /** 1 where a token is to be predicted, 0 where it is only read: prompts. The first is never predicted. [ids] */
  readonly learnt: Uint8Array;
}

/** Tokens that a row's loss is taken over. */
export function learntTokens({ learnt }: TrainingExample): number {
  let count = 0;
  for (let i = 1; i < learnt.length; i++) count += learnt[i];
  return count;
}
