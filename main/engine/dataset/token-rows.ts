import { EngineError } from '../errors.ts';
import { RandomStream } from '../tensor/random.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { readDocuments, type Documents } from './documents.ts';

/** Token ids from a data file; the tokenizer is asked for only where there is text. */
export interface TokenSource {
  readonly path: string;
  readonly documents: Documents;
  readonly tokenizer: () => Promise<Tokenizer>;
  /** Embeddings the model has: an id beyond them is an error. */
  readonly vocabSize: number;
}

export async function openTokenSource(
  path: string,
  vocabSize: number,
  tokenizer: () => Promise<Tokenizer>,
): Promise<TokenSource> {
  let loaded: Promise<Tokenizer> | undefined;
  const loadOnce = (): Promise<Tokenizer> => (loaded ??= tokenizer());
  return { path, documents: await readDocuments(path), tokenizer: loadOnce, vocabSize };
}

export interface CalibrationSampling {
  /** Rows wanted; null takes every row of ids, or 10 of a text, as published. */
  readonly samples: number | null;
  readonly seqLen: number;
  readonly seed: number;
}

const publishedSamples = 10;

/**
 * The calibration set as rows of token ids. Rows of ids are taken as they are, in order. Of texts, rows are drawn at
 * random until one has at least `seqLen` tokens, and a random window of it is taken, as published (docs/method.md, Calibration);
 * of one running text, random windows.
 * @param draw The step of an iterative pruning, from 0: each draws texts of its own, and takes the rows of ids that come next.
 * @throws EngineError text-too-short where nothing is long enough, tokenizer-mismatch.
 */
export async function calibrationRows(
  source: TokenSource,
  sampling: CalibrationSampling,
  draw = 0,
): Promise<number[][]> {
  const { documents } = source;
  if (documents.kind === 'ids') {
    const rows = rowsOfDraw(documents.rows, sampling.samples, draw).map((row) => [...row]);
    checkIds(source, rows.flat());
    return rows;
  }
  const tokenizer = await source.tokenizer();
  const random = new RandomStream(sampling.seed, 'calibration', draw);
  const next =
    documents.kind === 'text'
      ? runningText(tokenizer.encode(documents.text))
      : drawnTexts(documents.texts, tokenizer, random, sampling.seqLen);
  const rows = Array.from({ length: sampling.samples ?? publishedSamples }, () => {
    const tokens = next();
    if (tokens.length < sampling.seqLen) throw tooShort(source, sampling.seqLen, tokens.length);
    const start = random.below(tokens.length - sampling.seqLen + 1);
    return tokens.slice(start, start + sampling.seqLen);
  });
  checkIds(source, rows.flat());
  return rows;
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
  tokenizer: Tokenizer,
  random: RandomStream,
  seqLen: number,
): () => number[] {
  const encoded = new Map<number, number[]>();
  const tokensOf = (i: number): number[] => {
    const known = encoded.get(i) ?? tokenizer.encode(texts[i]);
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
 * tokenised once, as published (docs/method.md, Evaluation). `samples` takes only the first rows.
 */
export async function evaluationTokens(source: TokenSource, samples: number | null): Promise<Int32Array> {
  const { documents } = source;
  const tokens =
    documents.kind === 'ids'
      ? documents.rows.slice(0, samples ?? documents.rows.length).flat()
      : (await source.tokenizer()).encode(joinedText(documents, samples));
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
