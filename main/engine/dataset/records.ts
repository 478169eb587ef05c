import { extname } from 'node:path';
import {
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type AsyncBuffer,
  type FileMetaData,
  type SchemaTree,
} from 'hyparquet';
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

/** @throws EngineError row-invalid for what is no array, file-unreadable, json-invalid. */
export async function jsonRecords(path: string): Promise<DataRecord[]> {
  const rows = await readJsonFile(path, { maxBytes: maxJsonBytes });
  if (Array.isArray(rows)) return rows.map((value: unknown, i) => ({ place: `row ${i + 1}`, value }));
  throw new EngineError(
    'row-invalid',
    `${path}: expected an array of rows, found ${rows === null ? 'null' : typeof rows}.`,
    { path },
    'Put the rows into one array, or one a line into a .jsonl file.',
  );
}

/**
 * The rows of JSONL; blank lines are passed over.
 * @throws EngineError row-invalid with the line.
 */
export function linesOf(content: string, path: string): DataRecord[] {
  const lines = content.split('\n').flatMap((line, i) => {
    const place = `line ${i + 1}`;
    return line.trim() === '' ? [] : [{ place, line }];
  });
  return readRows(lines, ({ place, line }) => {
    try {
      return { place, value: JSON.parse(line) as unknown };
    } catch {
      throw invalidRow(path, place, 'JSON', line);
    }
  });
}

function outsideFile(path: string, start: number, end: number, sizeBytes: number): EngineError {
  return new EngineError(
    'file-unreadable',
    `${path} could not be read as Parquet: it asks for bytes ${start} to ${end} of ${sizeBytes}.`,
    { path, start, end, sizeBytes },
    'The file is damaged. Get it again from where it came.',
  );
}

/** Every row group has the columns of the schema, each once: the library reads others, but hears nothing of their errors. */
function requireKnownColumns(metadata: FileMetaData, path: string): void {
  const leaves = leavesOf(parquetSchema(metadata)).sort();
  for (const [i, group] of metadata.row_groups.entries()) {
    const columns = group.columns.map(({ meta_data }) => pathOf(meta_data?.path_in_schema)).sort();
    if (columns.length === leaves.length && columns.every((column, at) => column === leaves[at])) continue;
    throw new EngineError(
      'file-unreadable',
      `${path} could not be read as Parquet: row group ${i} has the columns ${columns.join(', ')}, its schema ${leaves.join(', ')}.`,
      { path, rowGroup: i },
      'The file is damaged. Get it again from where it came.',
    );
  }
}

const pathOf = (parts: readonly string[] | undefined): string => (parts ?? []).join('.');

function leavesOf({ children, path }: SchemaTree): string[] {
  return children.length === 0 ? [pathOf(path)] : children.flatMap(leavesOf);
}

/** @throws EngineError file-missing, file-unreadable. */
export async function parquetRecords(path: string): Promise<DataRecord[]> {
  const { handle, sizeBytes } = await openForReading(path);
  const file: AsyncBuffer = {
    byteLength: sizeBytes,
    slice: (start, end = sizeBytes) => {
      const isInside = start >= 0 && start <= end && end <= sizeBytes;
      const reading = isInside
        ? readBytes(handle, path, start, end - start).then(({ buffer }) => buffer as ArrayBuffer)
        : Promise.reject(outsideFile(path, start, end, sizeBytes));
      // Several ranges are asked for at once; where one fails, nobody may be left to hear of another.
      reading.catch(() => undefined);
      return reading;
    },
  };
  try {
    const metadata = await parquetMetadataAsync(file);
    requireKnownColumns(metadata, path);
    const rows = await parquetReadObjects({ file, metadata });
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

/** Rows named beside the first that is wrong. */
const mostNamed = 8;

/**
 * Reads every row, so that a person who has several to mend learns of all at once.
 * @throws EngineError row-invalid: what is wrong with the first, and where the others are.
 */
export function readRows<Row extends { readonly place: string }, T>(
  rows: readonly Row[],
  read: (row: Row) => T,
): T[] {
  const found: T[] = [];
  const wrong: { readonly place: string; readonly error: EngineError }[] = [];
  for (const row of rows) {
    try {
      found.push(read(row));
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      wrong.push({ place: row.place, error });
    }
  }
  const [first, ...others] = wrong;
  if (first === undefined) return found;
  if (others.length === 0) throw first.error;
  const { code, message, facts, hint } = first.error;
  const named = others.slice(0, mostNamed).map(({ place }) => place);
  const more = others.length > named.length ? `, and ${others.length - named.length} more` : '';
  throw new EngineError(
    code,
    `${message}. So are others: ${named.join(', ')}${more}.`,
    { ...facts, wrongRows: wrong.length },
    hint,
  );
}

function shownOf(found: unknown): string {
  if (typeof found === 'string') return found;
  try {
    return JSON.stringify(found) ?? 'nothing';
  } catch {
    // Nested too deep to be written, or a number that JSON does not know.
    return typeof found;
  }
}

/** What a person needs to find and mend a row. */
export function invalidRow(path: string, place: string, expected: string, found: unknown): EngineError {
  const shown = shownOf(found);
  return new EngineError(
    'row-invalid',
    `${path}, ${place}: expected ${expected}, found ${shown.slice(0, 60)}${shown.length > 60 ? '…' : ''}`,
    { path, place },
    'Correct the row, or leave it out.',
  );
}
