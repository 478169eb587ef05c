import { EngineError } from '../errors.ts';
import { findJsonProblem } from './json-problem.ts';
import { openForReading, readBytes } from './read-bytes.ts';

/**
 * The value of a JSON file of at most `maxBytes`, in UTF-8 with or without a byte order mark.
 * Throws file-missing, file-unreadable, limit-exceeded, or json-invalid with line, column and position.
 */
export async function readJsonFile(path: string, { maxBytes }: { maxBytes: number }): Promise<unknown> {
  const text = decodeText(await readWholeFile(path, maxBytes), path);
  try {
    return JSON.parse(text);
  } catch {
    throw jsonInvalid(text, path);
  }
}

async function readWholeFile(path: string, maxBytes: number): Promise<Uint8Array> {
  const { handle, sizeBytes } = await openForReading(path);
  try {
    if (sizeBytes > maxBytes) throw tooLarge(path, sizeBytes, maxBytes);
    return await readBytes(handle, path, 0, sizeBytes);
  } finally {
    await handle.close();
  }
}

function tooLarge(path: string, sizeBytes: number, maxBytes: number): EngineError {
  return new EngineError(
    'limit-exceeded',
    `${path} has ${sizeBytes} bytes; at most ${maxBytes} were expected of a file of this kind`,
    { path, sizeBytes, maxBytes },
    'Check that it is the right file.',
  );
}

/** TextDecoder drops a byte order mark by itself. */
function decodeText(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new EngineError(
      'json-invalid',
      `${path} is not UTF-8 text`,
      { path },
      'Save the file in the UTF-8 encoding.',
    );
  }
}

function jsonInvalid(text: string, path: string): EngineError {
  const problem = findJsonProblem(text);
  if (problem === undefined)
    throw new Error(`${path}: JSON.parse refused a text in which no problem was found`);
  const { position, reason } = problem;
  const before = text.slice(0, position).split('\n');
  const line = before.length;
  const column = (before.at(-1) ?? '').length + 1;
  return new EngineError(
    'json-invalid',
    `${path} is not valid JSON: line ${line}, column ${column}: ${reason}`,
    { path, position, line, column },
    'Correct the file at that place, or get it again from where it came.',
  );
}
