import { EngineError } from '../errors.ts';
import { RandomStream } from '../tensor/random.ts';
import type { TextMarks, Tokenizer } from '../tokenizer/tokenizer.ts';
import { readDocuments, type Dialogue, type Documents } from './documents.ts';
import { ended, replyBehindMarks, textBehindMarks, type MarkedRow } from './marked-rows.ts';

/** Token ids from a data file; the tokenizer is asked for only where there is text. */
export interface TokenSource {
  readonly path: string;
  readonly documents: Documents;
  readonly tokenizer: () => Promise<Tokenizer>;
  /** Embeddings the model has: an id beyond them is an error. */
  readonly vocabSize: number;
  /** Ends a reply; undefined for a model without one. */
  readonly eosId?: number | undefined;
}

export async function openTokenSource(
  path: string,
  { vocabSize, eosId }: Pick<TokenSource, 'vocabSize' | 'eosId'>,
  tokenizer: () => Promise<Tokenizer>,
): Promise<TokenSource> {
  let loaded: Promise<Tokenizer> | undefined;
  const loadOnce = (): Promise<Tokenizer> => (loaded ??= tokenizer());
  return { path, documents: await readDocuments(path), tokenizer: loadOnce, vocabSize, eosId };
}

export interface CalibrationSampling {
  /** Rows wanted; null takes every row of ids, or 10 of a text, as published. */
  readonly samples: number | null;
  readonly seqLen: number;
  readonly seed: number;
}

const publishedSamples = 10;

export interface CalibrationRows {
  /** Token ids. */
  readonly rows: number[][];
  /** Of each row, 1 where a token is to be predicted; null: all but the first. */
  readonly learnt: Uint8Array[] | null;
}

/**
 * The calibration set as rows of token ids. Rows of ids are taken as they are, in order. Of texts, rows are drawn at
 * random until one has at least `seqLen` tokens, and a random window of it is taken, as published (docs/method.md, Calibration);
 * of one running text, random windows. Where a model writes behind marks, each window stands behind them, and of
 * dialogues rows are drawn whole, of which the reply alone is to be predicted.
 * @param draw The step of an iterative pruning, from 0: each draws texts of its own, and takes the rows of ids that come next.
 * @throws EngineError text-too-short where nothing is long enough, tokenizer-mismatch.
 */
export async function calibrationRows(
  source: TokenSource,
  sampling: CalibrationSampling,
  draw = 0,
): Promise<CalibrationRows> {
  const { documents } = source;
  const found =
    documents.kind === 'ids'
      ? idsOfDraw(documents, sampling.samples, draw)
      : await drawnRows(source, documents, sampling, new RandomStream(sampling.seed, 'calibration', draw));
  checkIds(source, found.rows.flat());
  return found;
}

function idsOfDraw(
  { rows, learnt }: Extract<Documents, { kind: 'ids' }>,
  samples: number | null,
  draw: number,
): CalibrationRows {
  return {
    rows: rowsOfDraw(rows, samples, draw).map((row) => [...row]),
    learnt: learnt ? rowsOfDraw(learnt, samples, draw) : null,
  };
}

async function drawnRows(
  source: TokenSource,
  documents: Exclude<Documents, { kind: 'ids' }>,
  sampling: CalibrationSampling,
  random: RandomStream,
): Promise<CalibrationRows> {
  const tokenizer = await source.tokenizer();
  const { marks } = tokenizer;
  if (marks && documents.kind === 'texts' && documents.dialogues) {
    return unpacked(dialogueRows(source, documents.dialogues, tokenizer, marks, sampling, random));
  }
  const encode = (text: string): number[] => encodeText(tokenizer, text);
  const next =
    documents.kind === 'text'
      ? runningText(encode(documents.text))
      : drawnTexts(documents.texts, encode, random, sampling.seqLen);
  const rows = Array.from({ length: sampling.samples ?? publishedSamples }, () => {
    const tokens = next();
    if (tokens.length < sampling.seqLen) throw tooShort(source, sampling.seqLen, tokens.length);
    const start = random.below(tokens.length - sampling.seqLen + 1);
    return tokens.slice(start, start + sampling.seqLen);
  });
  return marks ? unpacked(rows.map((row) => textBehindMarks(marks.ids, row))) : { rows, learnt: null };
}

const unpacked = (rows: readonly MarkedRow[]): CalibrationRows => ({
  rows: rows.map(({ ids }) => [...ids]),
  learnt: rows.map(({ learnt }) => learnt),
});

/** A text as one run of tokens; marks stand in front of its parts, not of the whole. */
const encodeText = (tokenizer: Tokenizer, text: string): number[] =>
  tokenizer.encode(text, { addSpecialTokens: tokenizer.marks === undefined });

/** Dialogues at random, none twice, marks aside at most `seqLen` tokens of each. */
function dialogueRows(
  { path, eosId }: TokenSource,
  dialogues: readonly Dialogue[],
  tokenizer: Tokenizer,
  marks: TextMarks,
  { samples, seqLen }: CalibrationSampling,
  random: RandomStream,
): MarkedRow[] {
  const replied = dialogues.filter(({ reply }) => reply.trim() !== '');
  if (replied.length === 0) {
    throw new EngineError(
      'text-empty',
      `${path} holds no dialogue with a reply.`,
      { path, dialogues: dialogues.length },
      'Give dialogues of at least two turns, or questions with answers.',
    );
  }
  const encode = (text: string): number[] => tokenizer.encode(text, { addSpecialTokens: false });
  const chosen = random.permutation(replied.length).slice(0, samples ?? publishedSamples);
  return chosen.map((i) => {
    const context = encode(replied[i].context);
    const whole = ended(encode(replied[i].reply), eosId);
    // The reply has at least half of the room; of the context the end is kept.
    const reply = whole.slice(0, Math.max(Math.ceil(seqLen / 2), seqLen - context.length));
    return replyBehindMarks(marks, context.slice(Math.max(0, context.length + reply.length - seqLen)), reply);
  });
}

/** The next rows at each draw, from the first again where a file ends. */
function rowsOfDraw<Row>(rows: readonly Row[], samples: number | null, draw: number): Row[] {
  const count = Math.min(samples ?? rows.length, rows.length);
  return Array.from({ length: count }, (_, i) => rows[(draw * count + i) % rows.length]);
}

function runningText(tokens: number[]): () => number[] {
  return () => tokens;
}

/** Draws texts until one is long enough; gives the longest where none is. */
function drawnTexts(
  texts: readonly string[],
  encode: (text: string) => number[],
  random: RandomStream,
  seqLen: number,
): () => number[] {
  const encoded = new Map<number, number[]>();
  const tokensOf = (i: number): number[] => {
    const known = encoded.get(i) ?? encode(texts[i]);
    encoded.set(i, known);
    return known;
  };
  const tooShortOnes = new Set<number>();
  return () => {
    while (tooShortOnes.size < texts.length) {
      const i = random.below(texts.length);
      const tokens = tokensOf(i);
      if (tokens.length >= seqLen) return tokens;
      tooShortOnes.add(i);
    }
    return [...encoded.values()].reduce(
      (longest, tokens) => (tokens.length > longest.length ? tokens : longest),
      [],
    );
  };
}

/**
 * The evaluation text as one run of tokens: rows of ids one after the other; texts joined by two newlines and
 * tokenised once, as published (docs/method.md, Evaluation), marks left out. `samples` takes only the first rows.
 */
export async function evaluationTokens(source: TokenSource, samples: number | null): Promise<Int32Array> {
  const { documents } = source;
  const tokens =
    documents.kind === 'ids'
      ? documents.rows.slice(0, samples ?? documents.rows.length).flat()
      : encodeText(await source.tokenizer(), joinedText(documents, samples));
  checkIds(source, tokens);
  return Int32Array.from(tokens);
}

function joinedText(documents: Exclude<Documents, { kind: 'ids' }>, samples: number | null): string {
  return documents.kind === 'text'
    ? documents.text
    : documents.texts.slice(0, samples ?? documents.texts.length).join('\n\n');
}

function checkIds({ path, vocabSize, documents }: TokenSource, ids: readonly number[]): void {
  requireKnownIds(vocabSize, ids, path, documents.kind === 'ids');
}

/**
 * @param fromFile Whether the ids stand in the file themselves.
 * @throws EngineError tokenizer-mismatch where the model has no embedding for an id.
 */
export function requireKnownIds(
  vocabSize: number,
  ids: readonly number[] | Int32Array,
  path: string,
  fromFile: boolean,
): void {
  const wrong = ids.find((id) => id >= vocabSize);
  if (wrong === undefined) return;
  const where = fromFile ? path : 'the tokenizer';
  throw new EngineError(
    'tokenizer-mismatch',
    `The model has embeddings for ${vocabSize} tokens, but ${where} gave the id ${wrong}.`,
    { vocabSize, id: wrong, path },
    fromFile
      ? 'Use token ids of this model.'
      : 'Put the tokenizer that belongs to this model into its folder.',
  );
}

function tooShort({ path }: TokenSource, seqLen: number, found: number): EngineError {
  return new EngineError(
    'text-too-short',
    `${path}: a calibration row needs ${seqLen} tokens, but the longest text has ${found}.`,
    { path, seqLen, found },
    'Give longer texts, or a smaller calibration.seqLen.',
  );
}
