import { extname } from 'node:path';
import { openForReading, readBytes } from '../checkpoint/read-bytes.ts';
import { EngineError } from '../errors.ts';

/** What a data file holds: one running text, rows of text, or rows of token ids to be used as they are. */
export type Documents =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'texts'; readonly texts: readonly string[] }
  | { readonly kind: 'ids'; readonly rows: readonly (readonly number[])[] };

/** V8 holds strings of at most 512 Mi characters; half of that leaves room for the tokenizer's copies. */
const maxFileBytes = 256 * 2 ** 20;

/**
 * Reads plain text, or JSONL whose rows have `text` or `input_ids` (all rows the same one).
 * @throws EngineError file-missing, file-unreadable, limit-exceeded, text-empty, row-invalid with the line.
 */
export async function readDocuments(path: string): Promise<Documents> {
  const content = await readText(path);
  if (content.trim() === '') {
    throw new EngineError('text-empty', `${path} holds no text.`, { path }, 'Choose a file with text in it.');
  }
  return extname(path).toLowerCase() === '.jsonl'
    ? parseRows(content, path)
    : { kind: 'text', text: unixNewlines(content) };
}

/** \r\n and \r as \n, as Python reads a text file: the same tokens as there, whatever system saved the file. */
export function unixNewlines(text: string): string {
  return text.replaceAll(/\r\n?/g, '\n');
}

/**
 * A file as UTF-8 text.
 * @throws EngineError file-missing, file-unreadable, limit-exceeded.
 */
export async function readText(path: string): Promise<string> {
  const { handle, sizeBytes } = await openForReading(path);
  try {
    if (sizeBytes > maxFileBytes) {
      throw new EngineError(
        'limit-exceeded',
        `${path} has ${sizeBytes} bytes; a text may have at most ${maxFileBytes}.`,
        { path, sizeBytes, maxFileBytes },
        'Take a part of the file: calibration and evaluation need far less.',
      );
    }
    const bytes = await readBytes(handle, path, 0, sizeBytes);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new EngineError('file-unreadable', `${path} is not UTF-8 text.`, { path }, 'Save it as UTF-8.');
  } finally {
    await handle.close();
  }
}

function parseRows(content: string, path: string): Documents {
  const rows = content
    .split('\n')
    .map((line, i) => ({ line: line.trim(), number: i + 1 }))
    .filter(({ line }) => line !== '')
    .map(({ line, number }) => parseRow(line, number, path));
  const ids = rows.flatMap((row) => (typeof row === 'string' ? [] : [row]));
  if (ids.length === rows.length) return { kind: 'ids', rows: ids };
  const texts = rows.flatMap((row) => (typeof row === 'string' ? [row] : []));
  if (texts.length === rows.length) return { kind: 'texts', texts };
  throw new EngineError(
    'row-invalid',
    `${path} mixes rows of "text" and rows of "input_ids"; all must be of one kind.`,
    { path, texts: texts.length, ids: ids.length },
  );
}

function parseRow(line: string, number: number, path: string): string | number[] {
  const row = parseJson(line, number, path);
  if (typeof row === 'object' && row !== null) {
    const { input_ids: ids, text } = row as { readonly input_ids?: unknown; readonly text?: unknown };
    if (isTokenIds(ids)) return ids;
    // Ids that are wrong are not passed over for a text beside them: the row asks to be used token for token.
    if ((ids === undefined || ids === null) && typeof text === 'string') return text;
  }
  throw invalidRow(
    path,
    number,
    'an object with "text" (a string) or "input_ids" (whole numbers from 0, at least one)',
    line,
  );
}

function parseJson(line: string, number: number, path: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw invalidRow(path, number, 'JSON', line);
  }
}

function isTokenIds(value: unknown): value is number[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((id) => Number.isInteger(id) && id >= 0 && id < 2 ** 31)
  );
}

function invalidRow(path: string, line: number, expected: string, found: string): EngineError {
  return new EngineError(
    'row-invalid',
    `${path}, line ${line}: expected ${expected}, found ${found.slice(0, 60)}${found.length > 60 ? '…' : ''}`,
    { path, line },
    'Correct the line, or leave it out.',
  );
}
