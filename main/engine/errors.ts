/** What can go wrong, one word each: the window and the tests switch on these, never on a message. */
export type ErrorCode =
  | 'file-missing'
  | 'file-unreadable'
  | 'folder-not-writable'
  | 'disk-full'
  | 'json-invalid'
  | 'config-invalid'
  | 'architecture-unknown'
  | 'feature-unsupported'
  | 'header-truncated'
  | 'header-invalid'
  | 'limit-exceeded'
  | 'code-refused'
  | 'tensor-missing'
  | 'tensor-shape'
  | 'tensor-dtype'
  | 'tokenizer-missing'
  | 'tokenizer-invalid'
  | 'tokenizer-mismatch'
  | 'template-missing'
  | 'template-invalid'
  | 'prompt-empty'
  | 'prompt-too-long'
  | 'text-empty'
  | 'text-too-short'
  | 'row-invalid'
  | 'tokens-invalid'
  | 'recipe-invalid'
  | 'ratio-out-of-range'
  | 'window-out-of-range'
  | 'target-out-of-reach'
  | 'edits-invalid'
  | 'combination-unsupported'
  | 'run-folder-invalid'
  | 'run-folder-occupied'
  | 'memory-exceeded'
  | 'compute-failed'
  | 'device-unavailable'
  | 'training-diverged'
  | 'graph-invalid'
  | 'worker-crashed';

/** The values behind an error, for a report or a window to show beside its message. */
export type ErrorFacts = Readonly<
  Record<string, string | number | boolean | readonly (string | number)[] | null>
>;

/**
 * An error that a person can act on: the message says what failed, what was expected, what was found and where;
 * the hint says what to do next.
 */
export class EngineError extends Error {
  override readonly name = 'EngineError';

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly facts: ErrorFacts = {},
    readonly hint?: string,
  ) {
    super(message);
  }
}
