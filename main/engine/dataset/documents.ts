import { extname } from 'node:path';
import { EngineError } from '../errors.ts';
import { fillIn, loadTemplate, promptOf, type PromptTemplate } from './prompt-template.ts';
import { invalidRow, jsonRecords, linesOf, parquetRecords, type DataRecord } from './records.ts';
import { readText, unixNewlines } from './text-file.ts';

/** What a data file holds: one running text, rows of text, or rows of token ids to be used as they are. */
export type Documents =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'texts'; readonly texts: readonly string[] }
  | { readonly kind: 'ids'; readonly rows: readonly (readonly number[])[] };

/**
 * Reads plain text, or JSONL, JSON or Parquet whose rows have `text` (as BookCorpus, C4 and WikiText on the hub), `sentence`
 * (PTB), `input_ids`, or Alpaca's `instruction`, `input` and `output`, which become one text by Alpaca's template; all rows
 * of one kind. JSON is one array, or a row a line.
 * @throws EngineError file-missing, file-unreadable, limit-exceeded, text-empty, row-invalid with the row.
 */
export async function readDocuments(path: string): Promise<Documents> {
  const extension = extname(path).toLowerCase();
  const template = await loadTemplate('alpaca');
  if (extension === '.parquet') return documentsOf(await parquetRecords(path), path, template);
  const content = await readText(path);
  if (content.trim() === '') throw textEmpty(path);
  if (extension !== '.json' && extension !== '.jsonl') return { kind: 'text', text: unixNewlines(content) };
  const isArray = extension === '.json' && content.trimStart().startsWith('[');
  return documentsOf(isArray ? await jsonRecords(path) : linesOf(content, path), path, template);
}

const textEmpty = (path: string): EngineError =>
  new EngineError('text-empty', `${path} holds no text.`, { path }, 'Choose a file with text in it.');

function documentsOf(records: readonly DataRecord[], path: string, template: PromptTemplate): Documents {
  const rows = records.map(({ place, value }) => contentOf(value, place, path, template));
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

function contentOf(value: unknown, place: string, path: string, template: PromptTemplate): string | number[] {
  if (typeof value === 'object' && value !== null) {
    const row = value as {
      readonly input_ids?: unknown;
      readonly text?: unknown;
      readonly sentence?: unknown;
      readonly instruction?: unknown;
      readonly input?: unknown;
      readonly output?: unknown;
    };
    const ids: unknown = Array.isArray(row.input_ids) ? row.input_ids.map(asNumber) : row.input_ids;
    if (isTokenIds(ids)) return ids;
    const text = row.text ?? row.sentence ?? alpacaText(row, template);
    // Ids that are wrong are not passed over for a text beside them: the row asks to be used token for token.
    if ((ids === undefined || ids === null) && typeof text === 'string') return text;
  }
  throw invalidRow(
    path,
    place,
    'an object with "text", "sentence", or "instruction" and "output" (strings), or "input_ids" (whole numbers from 0, at least one)',
    value,
  );
}

/** Question and answer as Alpaca's template puts them; undefined where the row has none. */
function alpacaText(
  row: { readonly instruction?: unknown; readonly input?: unknown; readonly output?: unknown },
  template: PromptTemplate,
): string | undefined {
  const { instruction, output } = row;
  const input = row.input ?? '';
  if (typeof instruction !== 'string' || typeof input !== 'string' || typeof output !== 'string')
    return undefined;
  return template.system + promptOf(template, { instruction, input }) + fillIn(template.answer, { output });
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
