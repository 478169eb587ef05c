import { EngineError } from '../errors.ts';
import type { TextMarks, Tokenizer } from '../tokenizer/tokenizer.ts';
import { readTrainingRows, type TrainingRow } from './conversations.ts';
import { ended, replyBehindMarks, textBehindMarks, type MarkedRow } from './marked-rows.ts';
import { fillIn, promptOf, type PromptTemplate } from './prompt-template.ts';
import type { DataFile } from './records.ts';
import { requireKnownIds } from './token-rows.ts';
import { learntTokens, type TrainingExample } from './training-example.ts';

/** How rows become tokens. */
export interface ExampleOptions {
  readonly template: PromptTemplate;
  /** Tokens a row has at most; what is beyond is cut off. */
  readonly cutoff: number;
  /** Whether prompts are learnt too. */
  readonly trainOnInputs: boolean;
  /** Rows of the file that are used, from the first; null: all. */
  readonly maxRows: number | null;
  readonly vocabSize: number;
  /** Ends each answer and text; undefined for a model without one. */
  readonly eosId: number | undefined;
  readonly tokenizer: () => Promise<Tokenizer>;
  /** Called between rows, so that a cancel can arrive. */
  readonly breathe: () => Promise<void>;
}

export interface TrainingExamples {
  readonly examples: readonly TrainingExample[];
  /** Rows of which nothing would be learnt: a prompt as long as the cutoff, an empty answer. */
  readonly passedOver: number;
}

/** Rows between two breaths: some tens of milliseconds. */
const rowsPerBreath = 64;

/**
 * The rows of a data file as tokens, in order.
 * @throws EngineError row-invalid, tokenizer-mismatch, combination-unsupported, text-too-short where nothing is left to learn.
 */
export async function trainingExamples(file: DataFile, options: ExampleOptions): Promise<TrainingExamples> {
  const rows: TrainingRow[] =
    file.kind === 'text'
      ? [{ kind: 'text', text: file.text }]
      : readTrainingRows(file.path, file.records.slice(0, options.maxRows ?? file.records.length));
  const examples: TrainingExample[] = [];
  let passedOver = 0;
  for (const [i, row] of rows.entries()) {
    if (i % rowsPerBreath === 0) await options.breathe();
    const found = (await examplesOf(row, options)).filter((example) => learntTokens(example) > 0);
    if (found.length === 0) passedOver++;
    for (const example of found) examples.push({ ...example, document: i });
  }
  for (const { ids, document } of examples) {
    const place = file.kind === 'text' ? '' : `, ${file.records[document].place}`;
    requireKnownIds(options.vocabSize, ids, file.path + place, rows[0].kind === 'ids');
  }
  if (examples.length > 0) return { examples, passedOver };
  throw new EngineError(
    'text-too-short',
    `${file.path}: none of the ${rows.length} rows has anything to learn within ${options.cutoff} tokens.`,
    { path: file.path, rows: rows.length, cutoff: options.cutoff },
    'Give a larger recover.cutoff, or rows with answers.',
  );
}

type RowTokens = Omit<TrainingExample, 'document'>;

async function examplesOf(row: TrainingRow, options: ExampleOptions): Promise<RowTokens[]> {
  switch (row.kind) {
    case 'ids':
      return [idsExample(row, options.cutoff)];
    case 'text':
      return textExamples(await options.tokenizer(), row.text, options);
    case 'rounds': {
      const tokenizer = await options.tokenizer();
      return tokenizer.marks?.place === 'after'
        ? replyExamples(tokenizer, tokenizer.marks, row, options)
        : [roundsExample(tokenizer, row, options)];
    }
  }
}

function idsExample({ ids, labels }: Extract<TrainingRow, { kind: 'ids' }>, cutoff: number): RowTokens {
  const kept = Int32Array.from(ids.slice(0, cutoff));
  return { ids: kept, learnt: Uint8Array.from(kept, (_, i) => (labels?.[i] === -100 ? 0 : 1)) };
}

/** A text in windows that do not overlap, each behind the model's marks; its end counts as a token. */
function textExamples(tokenizer: Tokenizer, text: string, { cutoff, eosId }: ExampleOptions): RowTokens[] {
  const marks = tokenizer.marks?.ids;
  const ids = ended(tokenizer.encode(text, { addSpecialTokens: marks === undefined }), eosId);
  const size = Math.max(1, cutoff - (marks?.length ?? 0));
  return Array.from({ length: Math.ceil(ids.length / size) }, (_, i) => {
    const window = ids.slice(i * size, (i + 1) * size);
    if (marks) return cutOff(textBehindMarks(marks, window), cutoff);
    return { ids: Int32Array.from(window), learnt: new Uint8Array(window.length).fill(1) };
  });
}

/**
 * A row an answer, for a model whose marks stand behind what it reads: all that was said before is its context, which
 * sees itself, so that nothing of it can be learnt.
 */
function replyExamples(
  tokenizer: Tokenizer,
  marks: TextMarks,
  { rounds, system }: Extract<TrainingRow, { kind: 'rounds' }>,
  { template, cutoff, trainOnInputs, eosId }: ExampleOptions,
): RowTokens[] {
  if (trainOnInputs) {
    throw new EngineError(
      'combination-unsupported',
      'This model reads a prompt with every token seeing every other, so that none of them is left to predict.',
      {},
      'Set `recover.trainOnInputs: false`.',
    );
  }
  const encode = (text: string): number[] => tokenizer.encode(text, { addSpecialTokens: false });
  let context = openingOf(template, system);
  return rounds.map((round) => {
    const answer = fillIn(template.answer, { output: round.output });
    context += promptOf(template, round);
    const row = replyBehindMarks(marks, encode(context), ended(encode(answer), eosId));
    context += answer;
    return cutOff(row, cutoff);
  });
}

function cutOff({ ids, learnt }: MarkedRow, cutoff: number): RowTokens {
  return { ids: Int32Array.from(ids.slice(0, cutoff)), learnt: learnt.slice(0, cutoff) };
}

const openingOf = ({ system: own }: PromptTemplate, system: string | null): string =>
  system === null ? own : `${system} `;

/**
 * Question and answer are tokenised together, as they stand in the text; the prompt's part are the tokens that it has
 * by itself too. As the published script does, and beyond it for several rounds.
 */
function roundsExample(
  tokenizer: Tokenizer,
  { rounds, system }: Extract<TrainingRow, { kind: 'rounds' }>,
  { template, cutoff, trainOnInputs, eosId }: ExampleOptions,
): RowTokens {
  const ids: number[] = [];
  const learnt: number[] = [];
  for (const [i, round] of rounds.entries()) {
    if (ids.length >= cutoff) break;
    const opening = i === 0 ? openingOf(template, system) : '';
    const prompt = opening + promptOf(template, round);
    const encode = (text: string): number[] =>
      i === 0 ? tokenizer.encode(text) : encodeAfter(tokenizer, eosId, text);
    const whole = encode(prompt + fillIn(template.answer, { output: round.output }));
    const readOnly = trainOnInputs ? 0 : commonLength(encode(prompt), whole);
    const answered = ended(whole, eosId);
    answered.forEach((id, at) => {
      ids.push(id);
      learnt.push(at < readOnly ? 0 : 1);
    });
  }
  return { ids: Int32Array.from(ids.slice(0, cutoff)), learnt: Uint8Array.from(learnt.slice(0, cutoff)) };
}

/** A text as it is tokenised right behind an end: some tokenizers put a space in front of a text, but not there. */
function encodeAfter(tokenizer: Tokenizer, eosId: number | undefined, text: string): number[] {
  const plain = { addSpecialTokens: false };
  if (eosId === undefined) return tokenizer.encode(text, plain);
  const [first, ...rest] = tokenizer.encode(tokenizer.decode([eosId]) + text, plain);
  return first === eosId ? rest : tokenizer.encode(text, plain);
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  const differs = a.findIndex((id, i) => id !== b[i]);
  return differs < 0 ? a.length : differs;
}
