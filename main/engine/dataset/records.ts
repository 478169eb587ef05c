import { extname } from 'node:path';
import { parquetReadObjects, type AsyncBuffer } from 'hyparquet';
import { openForReading, readBytes } from '../checkpoint/read-bytes.ts';
import { readJsonFile } from '../checkpoint/read-json.ts';
import { EngineError } from '../errors.ts';
import { readText, unixNewlines } from './text-file.ts';

/** One row of a data file, whatever it holds. */
export interface DataRecord {
  /** Where it stands, for errors: "line 3" of JSONL, "row 3" of JSON and Parquet; both count from 1. */
  readonly place: string;
  readonly value: unknown;
}

/** The rows of a data file, or one running text. */
export type DataFile =
  | { readonly kind: 'records'; readonly path: string; readonly records: readonly DataRecord[] }
  | { readonly kind: 'text'; readonly path: string; readonly text: string };

/** V8 holds strings of at most 512 Mi characters. */
const maxJsonBytes = 400 * 2 ** 20;

/**
 * Reads JSON (one array), JSONL, Parquet, or, under any other name, plain text.
 * @throws EngineError file-missing, file-unreadable, limit-exceeded, json-invalid, row-invalid, text-empty.
 */
export async function readDataFile(path: string): Promise<DataFile> {
  const file = await readByName(path);
  const isEmpty = file.kind === 'text' ? file.text.trim() === '' : file.records.length === 0;
  if (!isEmpty) return file;
  throw new EngineError('text-empty', `${path} holds no rows and no text.`, { path }, 'Choose another file.');
}

async function readByName(path: string): Promise<DataFile> {
  switch (extname(path).toLowerCase()) {
    case '.json':
      return { kind: 'records', path, records: await jsonRecords(path) };
    case '.jsonl':
      return { kind: 'records', path, records: linesOf(await readText(path), path) };
    case '.parquet':
      return { kind: 'records', path, records: await parquetRecords(path) };
    default:
      return { kind: 'text', path, text: unixNewlines(await readText(path)) };
  }
}

async function jsonRecords(path: string): Promise<DataRecord[]> {
  const rows = await readJsonFile(path, { maxBytes: maxJsonBytes });
  if (Array.isArray(rows)) return rows.map((value: unknown, i) => ({ place: `row ${i + 1}`, value }));
  throw new EngineError(
    'row-invalid',
    `${path}: expected an array of rows, found ${typeof rows}.`,
    { path },
    'Put the rows into one array, or one a line into a .jsonl file.',
  );
}

/**
 * The rows of JSONL; blank lines are passed over.
 * @throws EngineError row-invalid with the line.
 */
export function linesOf(content: string, path: string): DataRecord[] {
  return content.split('\n').flatMap((line, i) => {
    const place = `line ${i + 1}`;
    if (line.trim() === '') return [];
    try {
      return [{ place, value: JSON.parse(line) as unknown }];
    } catch {
      throw invalidRow(path, place, 'JSON', line);
    }
  });
}

/** @throws EngineError file-missing, file-unreadable. */
export async function parquetRecords(path: string): Promise<DataRecord[]> {
  const { handle, sizeBytes } = await openForReading(path);
  const file: AsyncBuffer = {
    byteLength: sizeBytes,
    slice: async (start, end = sizeBytes) => {
      const bytes = await readBytes(handle, path, start, end - start);
      return bytes.buffer as ArrayBuffer;
    },
  };
  try {
    const rows = await parquetReadObjects({ file });
    return rows.map((value, i) => ({ place: `row ${i + 1}`, value }));
  } catch (error) {
    if (error instanceof EngineError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new EngineError(
      'file-unreadable',
      `${path} could not be read as Parquet: ${reason}.`,
      { path },
      'Parquet without compression or with Snappy is read, as the hub serves it. Save it so, or as JSONL.',
    );
  } finally {
    await handle.close();
  }
}

/** What a person needs to find and mend a row. */
export function invalidRow(path: string, place: string, expected: string, found: unknown): EngineError {
  const shown = typeof found === 'string' ? found : (JSON.stringify(found) ?? 'nothing');
  return new EngineError(
    'row-invalid',
    `${path}, ${place}: expected ${expected}, found ${shown.slice(0, 60)}${shown.length > 60 ? '…' : ''}`,
    { path, place },
    'Correct the row, or leave it out.',
  );
}
