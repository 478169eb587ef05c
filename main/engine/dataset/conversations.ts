import { invalidRow, readRows, type DataRecord } from './records.ts';

/** One question and its answer. */
export interface Round {
  readonly instruction: string;
  /** What the instruction is about, where it stands apart; may be empty. */
  readonly input: string;
  readonly output: string;
}

/** What a row is trained on as. */
export type TrainingRow =
  | { readonly kind: 'rounds'; readonly rounds: readonly Round[]; readonly system: string | null }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'ids'; readonly ids: readonly number[]; readonly labels: readonly number[] | null };

type Rounds = Extract<TrainingRow, { kind: 'rounds' }>;

type Fields = Readonly<Record<string, unknown>>;

/** A form of rows: the fields that tell it, and how it is read. */
interface RowForm {
  readonly name: string;
  readonly fields: readonly string[];
  readonly read: (row: Row) => TrainingRow;
}

/** The first whose fields a file's first row has is taken for all rows. */
const forms: readonly RowForm[] = [
  { name: 'token ids', fields: ['input_ids'], read: idsOf },
  { name: 'ShareGPT', fields: ['conversations'], read: conversationOf },
  { name: 'DailyDialog', fields: ['dialog'], read: dialogOf },
  { name: 'Alpaca', fields: ['instruction', 'output'], read: (row) => single(row, 'output') },
  { name: 'LaMini', fields: ['instruction', 'response'], read: (row) => single(row, 'response') },
  { name: 'text', fields: ['text'], read: (row) => ({ kind: 'text', text: row.text('text') }) },
];

/**
 * Rows in the forms of Alpaca, LaMini, ShareGPT, DailyDialog, plain texts or token ids; which one, the first row tells.
 * @throws EngineError row-invalid with row, field, and what was found.
 */
export function readTrainingRows(path: string, records: readonly DataRecord[]): TrainingRow[] {
  const [first] = records;
  const fields = fieldsOf(path, first);
  const form = forms.find((known) => known.fields.every((field) => field in fields));
  if (!form) {
    const known = forms.map(
      ({ name, fields: names }) => `${names.map((n) => `"${n}"`).join(' and ')} (${name})`,
    );
    throw invalidRow(
      path,
      first.place,
      `the fields ${known.join(', or ')}`,
      Object.keys(fields).join(', ') || 'none',
    );
  }
  return readRows(records, (record) => form.read(new Row(path, record)));
}

/** A row whose fields are asked for by name and kind. */
class Row {
  readonly fields: Fields;

  constructor(
    readonly path: string,
    readonly record: DataRecord,
  ) {
    this.fields = fieldsOf(path, record);
  }

  text(field: string): string {
    const value = this.fields[field];
    if (typeof value === 'string') return value;
    throw this.invalid(field, 'a text', value);
  }

  optionalText(field: string): string {
    return this.fields[field] === undefined || this.fields[field] === null ? '' : this.text(field);
  }

  invalid(field: string, expected: string, found: unknown): Error {
    return invalidRow(this.path, this.record.place, `"${field}" to be ${expected}`, found);
  }
}

function fieldsOf(path: string, { place, value }: DataRecord): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalidRow(path, place, 'an object', value);
}

function single(row: Row, answer: 'output' | 'response'): TrainingRow {
  const round = {
    instruction: row.text('instruction'),
    input: row.optionalText('input'),
    output: row.text(answer),
  };
  return { kind: 'rounds', rounds: [round], system: null };
}

/** What is said in turn, the last of which is the reply to the others; undefined for rows of another form. */
export function turnsOf(path: string, record: DataRecord): string[] | undefined {
  const { value } = record;
  if (typeof value !== 'object' || value === null) return undefined;
  if ('dialog' in value) return utterancesOf(new Row(path, record));
  if (!('conversations' in value)) return undefined;
  const { rounds } = conversationOf(new Row(path, record));
  return rounds.flatMap(({ instruction, output }) => [instruction, output]);
}

function utterancesOf(row: Row): string[] {
  const turns = row.fields['dialog'];
  if (Array.isArray(turns) && turns.every((turn) => typeof turn === 'string'))
    return turns.map((turn) => turn.trim());
  throw row.invalid('dialog', 'a list of texts', turns);
}

/** Two people by turns: the first asks, the second answers; a last turn without an answer is passed over. */
function dialogOf(row: Row): Rounds {
  const turns = utterancesOf(row);
  const rounds = Array.from({ length: Math.floor(turns.length / 2) }, (_, i) => {
    return { instruction: turns[2 * i], input: '', output: turns[2 * i + 1] };
  });
  return { kind: 'rounds', rounds, system: null };
}

const askers = ['human', 'user'];
const answerers = ['gpt', 'assistant', 'chatgpt', 'bing', 'bard'];

/** Turns in pairs of question and answer; questions in a row are one; a turn of an answerer without one is passed over. */
function conversationOf(row: Row): Rounds {
  const turns = row.fields['conversations'];
  if (!Array.isArray(turns)) throw row.invalid('conversations', 'a list of turns', turns);
  const rounds: Round[] = [];
  let system: string | null = null;
  let question: string | undefined;
  turns.forEach((turn: unknown, i) => {
    const { from, value } = speakerOf(row, turn, i);
    if (from === 'system') system = value;
    else if (askers.includes(from)) question = question === undefined ? value : `${question}\n${value}`;
    else if (!answerers.includes(from)) {
      throw row.invalid(
        `conversations[${i}].from`,
        `one of system, ${[...askers, ...answerers].join(', ')}`,
        from,
      );
    } else if (question !== undefined) {
      rounds.push({ instruction: question, input: '', output: value });
      question = undefined;
    }
  });
  return { kind: 'rounds', rounds, system };
}

function speakerOf(row: Row, turn: unknown, index: number): { from: string; value: string } {
  const { from, value } = (typeof turn === 'object' && turn !== null ? turn : {}) as Fields;
  if (typeof from !== 'string') throw row.invalid(`conversations[${index}].from`, 'a text', from);
  if (typeof value !== 'string') throw row.invalid(`conversations[${index}].value`, 'a text', value);
  return { from, value };
}

function idsOf(row: Row): TrainingRow {
  const [ids, labels] = [row.fields['input_ids'], row.fields['labels'] ?? null].map(plainNumbers);
  if (!isWholeNumbers(ids, 0)) throw row.invalid('input_ids', 'whole numbers from 0, at least one', ids);
  if (labels === null) return { kind: 'ids', ids, labels };
  if (isWholeNumbers(labels, -100) && labels.length === ids.length) return { kind: 'ids', ids, labels };
  throw row.invalid('labels', `${ids.length} whole numbers, -100 where nothing is learnt`, labels);
}

/** Parquet's 64-bit columns hold bigints. */
function plainNumbers(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((item: unknown) => (typeof item === 'bigint' ? Number(item) : item));
}

function isWholeNumbers(value: unknown, least: number): value is number[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((id) => Number.isInteger(id) && id >= least && id < 2 ** 31)
  );
}
