import { extname } from 'node:path';
import { EngineError } from '../errors.ts';
import { invalidRow, linesOf, parquetRecords, type DataRecord } from './records.ts';
import { readText, unixNewlines } from './text-file.ts';

/** What a data file holds: one running text, rows of text, or rows of token ids to be used as they are. */
export type Documents =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'texts'; readonly texts: readonly string[] }
  | { readonly kind: 'ids'; readonly rows: readonly (readonly number[])[] };

/**
 * Reads plain text, or JSONL or Parquet whose rows have `text`, `sentence` (as PTB on the hub) or `input_ids`, all rows
 * of one kind.
 * @throws EngineError file-missing, file-unreadable, limit-exceeded, text-empty, row-invalid with the row.
 */
export async function readDocuments(path: string): Promise<Documents> {
  if (extname(path).toLowerCase() === '.parquet') return documentsOf(await parquetRecords(path), path);
  const content = await readText(path);
  if (content.trim() === '') throw textEmpty(path);
  return extname(path).toLowerCase() === '.jsonl'
    ? documentsOf(linesOf(content, path), path)
    : { kind: 'text', text: unixNewlines(content) };
}

const textEmpty = (path: string): EngineError =>
  new EngineError('text-empty', `${path} holds no text.`, { path }, 'Choose a file with text in it.');

function documentsOf(records: readonly DataRecord[], path: string): Documents {
  const rows = records.map(({ place, value }) => contentOf(value, place, path));
  const ids = rows.flatMap((row) => (typeof row === 'string' ? [] : [row]));
  const texts = rows.flatMap((row) => (typeof row === 'string' ? [row] : []));
  if (rows.length === 0) throw textEmpty(path);
  if (ids.length === rows.length) return { kind: 'ids', rows: ids };
  if (texts.length === rows.length) return { kind: 'texts', texts };
  throw new EngineError(
    'row-invalid',
    `${path} mixes rows of "text" and rows of "input_ids"; all must be of one kind.`,
    { path, texts: texts.length, ids: ids.length },
  );
}

function contentOf(value: unknown, place: string, path: string): string | number[] {
  if (typeof value === 'object' && value !== null) {
    const row = value as {
      readonly input_ids?: unknown;
      readonly text?: unknown;
      readonly sentence?: unknown;
    };
    const ids: unknown = Array.isArray(row.input_ids) ? row.input_ids.map(asNumber) : row.input_ids;
    if (isTokenIds(ids)) return ids;
    const text = row.text ?? row.sentence;
    // Ids that are wrong are not passed over for a text beside them: the row asks to be used token for token.
    if ((ids === undefined || ids === null) && typeof text === 'string') return text;
  }
  throw invalidRow(
    path,
    place,
    'an object with "text" or "sentence" (a string) or "input_ids" (whole numbers from 0, at least one)',
    value,
  );
}

/** Parquet's 64-bit integers. */
const asNumber = (id: unknown): unknown => (typeof id === 'bigint' ? Number(id) : id);

function isTokenIds(value: unknown): value is number[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((id) => Number.isInteger(id) && id >= 0 && id < 2 ** 31)
  );
}
