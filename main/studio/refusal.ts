/** Why the studio does not do what it was asked to, one word each: the window switches on these. */
export type RefusalCode =
  /** The asker is not the studio's own window. */
  | 'request-refused'
  /** The request has not the form that the contract asks for. */
  | 'request-invalid'
  /** No file or folder with that id was picked by the person. */
  | 'file-not-granted'
  /** A folder where a file is asked for, or the reverse. */
  | 'file-kind'
  | 'run-unknown'
  /** The run is in a state in which this cannot be done. */
  | 'run-state'
  | 'generation-unknown'
  /** A later request of the same kind has taken its place. */
  | 'superseded';

/** A request that is not carried out; the message and the hint are for the person who made it. */
export class Refusal extends Error {
  override readonly name = 'Refusal';

  constructor(
    readonly code: RefusalCode,
    message: string,
    readonly hint?: string,
  ) {
    super(message);
  }
}
