import { EngineError } from '../engine/errors.ts';
import type { JobError } from '../worker/messages.ts';

/** How a command ends. */
export const exitCode = { done: 0, failed: 1, usage: 2, cancelled: 130 } as const;
export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** One JSON document on stdout with --json, text for people without. */
export function print(json: boolean, document: unknown, text: () => string): void {
  process.stdout.write(json ? `${JSON.stringify(document, null, 2)}\n` : `${text()}\n`);
}

/** What failed, in one sentence, and what to do; with --json also as a document on stdout. */
export function printError(json: boolean, error: JobError): void {
  if (json) process.stdout.write(`${JSON.stringify({ error }, null, 2)}\n`);
  process.stderr.write(`error: ${error.message}\n`);
  if (error.hint !== undefined) process.stderr.write(`hint: ${error.hint}\n`);
}

/** An EngineError as a document; anything else is a fault of the program and goes on its way. */
export function describeError(error: unknown): JobError {
  if (!(error instanceof EngineError)) throw error;
  const { code, message, facts, hint } = error;
  return { code, message, facts, ...(hint !== undefined && { hint }) };
}
