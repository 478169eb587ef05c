import type { SentencePiece } from './sentence-piece.ts';
import { pieceType } from './sentence-piece-model.ts';
import type { SpecialToken } from './special-tokens.ts';
import { escaped, strippingAround } from './strip-around-tokens.ts';
import type { EncodeOptions, TextMarks, Tokenizer } from './tokenizer.ts';

/** What a family makes of a SentencePiece model. */
export interface SentencePieceUse {
  readonly piece: SentencePiece;
  /** Tokens that have an id of their own; where they stand in a text, the model does not see it. */
  readonly tokens: readonly SpecialToken[];
  /** Those that are looked for in any text, not only in one that a template has made. */
  readonly isReadInTexts: (token: SpecialToken) => boolean;
  /** Ids around a text when special tokens are asked for. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Which of them are the marks that a model writes behind. */
  readonly marks?: TextMarks;
  /** The model's space in front: of each part of a text between tokens, of a part at the very beginning, of none. */
  readonly prefix: 'each' | 'first' | 'none';
  /** Added to the ids of pieces. */
  readonly idOffset: number;
  /** What a part of a text goes through before it is encoded, and after it was decoded. */
  readonly prepare: (text: string) => string;
  readonly restore: (text: string) => string;
}

/** A tokenizer that cuts a text at special tokens and gives the parts between them to a SentencePiece model. */
export function sentencePieceTokenizer(use: SentencePieceUse): Tokenizer {
  const { piece, tokens, before, after, prefix, idOffset, prepare, restore } = use;
  const { pieces } = piece.model;
  const byId = new Map(tokens.map((token) => [token.id, token]));
  const inTexts = splitter(tokens.filter(use.isReadInTexts));
  const inPrompts = splitter(tokens);
  const encode = (text: string, options: EncodeOptions = {}): number[] => {
    const { addSpecialTokens = true, readSpecialTokens = false } = options;
    const ids: number[] = addSpecialTokens ? [...before] : [];
    for (const part of (readSpecialTokens ? inPrompts : inTexts)(text)) {
      if (part.token !== undefined) ids.push(part.token.id);
      else {
        const withPrefix = prefix === 'each' || (prefix === 'first' && part.isFirst);
        for (const id of piece.encode(prepare(part.text), withPrefix)) ids.push(id + idOffset);
      }
    }
    if (addSpecialTokens) ids.push(...after);
    return ids;
  };
  const decode = (ids: readonly number[]): string => {
    const parts: string[] = [];
    let run: number[] = [];
    const endRun = (): void => {
      if (run.length > 0) parts.push(restore(piece.decode(run)));
      run = [];
    };
    for (const id of ids) {
      const token = byId.get(id);
      if (token !== undefined) {
        endRun();
        parts.push(token.content);
      } else if (pieces[id - idOffset] !== undefined) run.push(id - idOffset);
    }
    endRun();
    return parts.join('');
  };
  return {
    vocabSize: 1 + tokens.reduce((most, { id }) => Math.max(most, id), pieces.length - 1 + idOffset),
    marks: use.marks,
    encode,
    decode,
    isSpecial: (id) => byId.get(id)?.isSpecial ?? pieces[id - idOffset]?.type === pieceType.control,
  };
}

type Part =
  | { readonly token: SpecialToken }
  | { readonly token?: undefined; readonly text: string; readonly isFirst: boolean };

/** Cuts a text at tokens: at one place the longest is meant. */
function splitter(tokens: readonly SpecialToken[]): (text: string) => Iterable<Part> {
  const strip = strippingAround(tokens);
  const byContent = new Map(tokens.map((token) => [token.content, token]));
  const contents = [...byContent.keys()].toSorted((a, b) => b.length - a.length).map(escaped);
  const anyToken = contents.length === 0 ? undefined : new RegExp(contents.join('|'), 'g');
  return function* parts(whole) {
    const text = strip(whole);
    let at = 0;
    for (const { 0: content, index } of anyToken === undefined ? [] : text.matchAll(anyToken)) {
      const token = byContent.get(content);
      if (token === undefined) continue;
      if (index > at) yield { text: text.slice(at, index), isFirst: at === 0 };
      yield { token };
      at = index + content.length;
    }
    if (at < text.length) yield { text: text.slice(at), isFirst: at === 0 };
  };
}
