import { cutterAt } from './cut-at-tokens.ts';
import type { SentencePiece } from './sentence-piece.ts';
import { pieceType } from './sentence-piece-model.ts';
import type { SpecialToken } from './special-tokens.ts';
import type { EncodeOptions, TextMarks, Tokenizer } from './tokenizer.ts';

/** What a family makes of a SentencePiece model. */
export interface SentencePieceUse {
  readonly piece: SentencePiece;
  /** Tokens that have an id of their own; where they are read in a text, the model does not see it. */
  readonly tokens: readonly SpecialToken[];
  /** Where a token's name stands for it: in any text, only in one that a template has made, or nowhere. */
  readonly readIn: (token: SpecialToken) => 'texts' | 'prompts' | 'nowhere';
  /** Ids around a text when special tokens are asked for. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Which of them are the marks that a model writes behind. */
  readonly marks?: TextMarks;
  /** Added to the ids of pieces. */
  readonly idOffset: number;
  /** What a whole text goes through before it is cut at tokens. */
  readonly prepare: (text: string) => string;
  /** The ids of a part of a text between tokens. */
  readonly encodePart: (text: string, next?: SpecialToken) => readonly number[];
  /** What a part of a text goes through after it was decoded. */
  readonly restore: (text: string) => string;
}

/** A tokenizer that cuts a text at special tokens and gives the parts between them to a SentencePiece model. */
export function sentencePieceTokenizer(use: SentencePieceUse): Tokenizer {
  const { piece, tokens, before, after, idOffset, prepare, encodePart, restore } = use;
  const { pieces } = piece.model;
  const byId = new Map(tokens.map((token) => [token.id, token]));
  const inTexts = cutterAt(tokens.filter((token) => use.readIn(token) === 'texts'));
  const inPrompts = cutterAt(tokens.filter((token) => use.readIn(token) !== 'nowhere'));
  const encode = (text: string, options: EncodeOptions = {}): number[] => {
    const { addSpecialTokens = true, readSpecialTokens = false } = options;
    const ids: number[] = addSpecialTokens ? [...before] : [];
    const cuts = (readSpecialTokens ? inPrompts : inTexts)(prepare(text));
    for (const [i, cut] of cuts.entries()) {
      if (cut.token !== undefined) ids.push(cut.token.id);
      else
        for (const id of encodePart(cut.text, i === 0 ? cuts[1]?.token : undefined)) ids.push(id + idOffset);
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
    surrounding: { before, after },
    encode,
    decode,
    isSpecial: (id) => byId.get(id)?.isSpecial ?? pieces[id - idOffset]?.type === pieceType.control,
  };
}
