import { extname } from 'node:path';
import { EngineError } from '../errors.ts';
import { turnsOf } from './conversations.ts';
import { fillIn, loadTemplate, promptOf, type PromptTemplate } from './prompt-template.ts';
import { invalidRow, jsonRecords, linesOf, parquetRecords, type DataRecord } from './records.ts';
import { readText, unixNewlines } from './text-file.ts';

/** What a data file holds: one running text, rows of text, or rows of token ids to be used as they are. */
export type Documents =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'texts';
      readonly texts: readonly string[];
      /** The same where each is a context and the reply to it. */
      readonly dialogues?: readonly Dialogue[];
    }
  | {
      readonly kind: 'ids';
      readonly rows: readonly (readonly number[])[];
      /** Of each row, 1 where a token is to be predicted, where rows have labels. */
      readonly learnt?: readonly Uint8Array[];
    };

/** What was said, and what was said to it. */
export interface Dialogue {
  readonly context: string;
  readonly reply: string;
}

/** A row as it stands in the file. */
type Content =
  | { readonly kind: 'text'; readonly text: string; readonly dialogue?: Dialogue | undefined }
  | { readonly kind: 'ids'; readonly ids: readonly number[]; readonly labels: readonly number[] | null };

/**
 * Reads plain text, or JSONL, JSON or Parquet whose rows have `text` (as BookCorpus, C4 and WikiText on the hub), `sentence`
 * (PTB), `input_ids`, with `labels` or without, or dialogues: Alpaca's `instruction`, `input` and `output`, which become
 * one text by Alpaca's template, ShareGPT's `conversations` and DailyDialog's `dialog`, a turn a line; all rows of one kind. JSON is one array, or a row a line.
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
  const rows = records.map((record) => contentOf(record, path, template));
  const ids = rows.filter((row) => row.kind === 'ids');
  const texts = rows.filter((row) => row.kind === 'text');
  if (rows.length === 0) throw textEmpty(path);
  if (ids.length === rows.length) return idRows(ids);
  if (texts.length === rows.length) return textRows(texts);
  throw new EngineError(
    'row-invalid',
    `${path} mixes rows of "text" and rows of "input_ids"; all must be of one kind.`,
    { path, texts: texts.length, ids: ids.length },
  );
}

function idRows(rows: readonly Extract<Content, { kind: 'ids' }>[]): Documents {
  const ids = rows.map((row) => row.ids);
  if (rows.every(({ labels }) => labels === null)) return { kind: 'ids', rows: ids };
  const learnt = rows.map((row) => Uint8Array.from(row.ids, (_, i) => (row.labels?.[i] === -100 ? 0 : 1)));
  return { kind: 'ids', rows: ids, learnt };
}

function textRows(rows: readonly Extract<Content, { kind: 'text' }>[]): Documents {
  const texts = rows.map(({ text }) => text);
  const dialogues = rows.flatMap(({ dialogue }) => (dialogue ? [dialogue] : []));
  return dialogues.length === rows.length ? { kind: 'texts', texts, dialogues } : { kind: 'texts', texts };
}

function contentOf(record: DataRecord, path: string, template: PromptTemplate): Content {
  const { place, value } = record;
  if (typeof value === 'object' && value !== null) {
    const row = value as {
      readonly input_ids?: unknown;
      readonly labels?: unknown;
      readonly text?: unknown;
      readonly sentence?: unknown;
      readonly instruction?: unknown;
      readonly input?: unknown;
      readonly output?: unknown;
    };
    const ids: unknown = Array.isArray(row.input_ids) ? row.input_ids.map(asNumber) : row.input_ids;
    if (isTokenIds(ids)) {
      // One label a row is of a classifier, and says nothing of tokens.
      const labels = Array.isArray(row.labels) ? row.labels.map(asNumber) : null;
      if (labels === null || isLabels(labels, ids.length)) return { kind: 'ids', ids, labels };
      const expected = `"labels" to be ${ids.length} whole numbers, -100 where nothing is predicted`;
      throw invalidRow(path, place, expected, labels);
    }
    // Ids that are wrong are not passed over for a text beside them: the row asks to be used token for token.
    if (ids === undefined || ids === null) {
      const text = row.text ?? row.sentence;
      if (typeof text === 'string') return { kind: 'text', text };
      const found = text === undefined || text === null ? dialogueContent(record, path, template) : undefined;
      if (found) return found;
    }
  }
  throw invalidRow(
    path,
    place,
    'an object with "text", "sentence", or "instruction" and "output" (strings), "conversations" or "dialog" (turns, at least one), or "input_ids" (whole numbers from 0, at least one)',
    value,
  );
}

/** Question and answer in Alpaca's template, or a turn a line, one of which alone is no dialogue. */
function dialogueContent(record: DataRecord, path: string, template: PromptTemplate): Content | undefined {
  const alpaca = alpacaDialogue(record.value as object, template);
  if (alpaca) return { kind: 'text', text: alpaca.context + alpaca.reply, dialogue: alpaca };
  const turns = turnsOf(path, record) ?? [];
  if (turns.length === 0) return undefined;
  const lines = (some: readonly string[]): string => some.join('\n');
  const [context, reply] = [lines(turns.slice(0, -1)), turns[turns.length - 1]];
  return { kind: 'text', text: lines(turns), dialogue: turns.length > 1 ? { context, reply } : undefined };
}

/** Question and answer as Alpaca's template puts them; undefined where the row has none. */
function alpacaDialogue(
  row: { readonly instruction?: unknown; readonly input?: unknown; readonly output?: unknown },
  template: PromptTemplate,
): Dialogue | undefined {
  const { instruction, output } = row;
  const input = row.input ?? '';
  if (typeof instruction !== 'string' || typeof input !== 'string' || typeof output !== 'string')
    return undefined;
  const context = template.system + promptOf(template, { instruction, input });
  return { context, reply: fillIn(template.answer, { output }) };
}

/** Parquet's 64-bit integers. */
const asNumber = (id: unknown): unknown => (typeof id === 'bigint' ? Number(id) : id);

const isTokenIds = (value: unknown): value is number[] =>
  isWholeNumbers(value, 0) && (value as unknown[]).length > 0;

const isLabels = (value: unknown, length: number): value is number[] =>
  isWholeNumbers(value, -100) && (value as unknown[]).length === length;

function isWholeNumbers(value: unknown, least: number): boolean {
  return Array.isArray(value) && value.every((id) => Number.isInteger(id) && id >= least && id < 2 ** 31);
}
