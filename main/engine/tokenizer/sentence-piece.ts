import { PieceTrie } from './piece-trie.ts';
import { spaceMark } from './schema.ts';
import { bytePairSegmenter, type Segment } from './sentence-piece-bpe.ts';
import { byteOf, byteText, type Piece, pieceType, type SentencePieceModel } from './sentence-piece-model.ts';
import { normalizerOf, type Normalize } from './sentence-piece-normalizer.ts';
import { unigramSegmenter } from './sentence-piece-unigram.ts';

/** Encodes and decodes as SentencePieceProcessor does (sentencepiece_processor.cc). */
export class SentencePiece {
  private readonly normalize: Normalize;
  private readonly segment: Segment;
  private readonly ids: ReadonlyMap<string, number>;
  private readonly byteIds: readonly number[];

  /** @param path Of the model's file, for errors. */
  constructor(
    readonly model: SentencePieceModel,
    path: string,
  ) {
    const { pieces, kind, normalizer } = model;
    this.ids = new Map(pieces.map(({ text }, id) => [text, id]));
    const inText = new Map([...this.ids].filter(([, id]) => isInText(pieces[id])));
    const userDefined = new PieceTrie(
      [...inText].filter(([, id]) => pieces[id].type === pieceType.userDefined),
    );
    this.normalize = normalizerOf(normalizer, userDefined, path);
    this.segment =
      kind === 'bpe' ? bytePairSegmenter(model, inText, userDefined) : unigramSegmenter(model, inText);
    this.byteIds = model.byteFallback
      ? Array.from({ length: 256 }, (_, byte) => this.ids.get(byteText(byte)) ?? model.unknownId)
      : [];
  }

  /** The id of a piece by its text, of whatever type. */
  idOf(piece: string): number | undefined {
    return this.ids.get(piece);
  }

  /** `withPrefix`: whether a space is put in front, where the model asks for one. */
  encode(text: string, withPrefix = true): number[] {
    const { unknownId, byteFallback } = this.model;
    const ids: number[] = [];
    let isAfterUnknown = false;
    for (const [piece, id] of this.segment(this.normalize(wellFormed(text), withPrefix))) {
      const isUnknown = id === unknownId;
      if (isUnknown && byteFallback) for (const byte of Buffer.from(piece)) ids.push(this.byteIds[byte]);
      else if (!isUnknown || !isAfterUnknown) ids.push(id); // unknown pieces in a row are one
      isAfterUnknown = isUnknown;
    }
    return ids;
  }

  /** Control pieces have no text; bytes that are no UTF-8 become one U+FFFD each. */
  decode(ids: readonly number[]): string {
    const { pieces, normalizer } = this.model;
    const { addDummyPrefix, removeExtraWhitespaces } = normalizer;
    const parts: string[] = [];
    let bytes: number[] = [];
    let isAtStart = addDummyPrefix || removeExtraWhitespaces;
    const put = (part: string): void => {
      if (part === '') return;
      parts.push(part);
      isAtStart = false;
    };
    const putBytes = (): void => {
      if (bytes.length > 0) put(textOfBytes(bytes));
      bytes = [];
    };
    for (const id of ids) {
      const piece = pieces[id];
      if (piece.type === pieceType.byte) {
        bytes.push(byteOf(piece.text));
        continue;
      }
      putBytes();
      const isMarked = isAtStart && piece.text.startsWith(spaceMark) && isInText(piece);
      put(this.textOf(isMarked ? { ...piece, text: piece.text.slice(1) } : piece));
      if (isMarked && !removeExtraWhitespaces) isAtStart = false; // only one space is the model's own
    }
    putBytes();
    return parts.join('');
  }

  private textOf({ text, type }: Piece): string {
    if (type === pieceType.control) return '';
    return type === pieceType.unknown ? this.model.unknownSurface : text.replaceAll(spaceMark, ' ');
  }
}

/** Whether a text may be cut into such pieces; the others are only put in by their ids. */
function isInText({ type }: Piece): boolean {
  return type === pieceType.normal || type === pieceType.userDefined || type === pieceType.unused;
}

/** A half of a surrogate pair by itself is no character. */
function wellFormed(text: string): string {
  return /[\ud800-\udfff]/.test(text) ? Buffer.from(text).toString() : text;
}

function textOfBytes(bytes: readonly number[]): string {
  const parts: string[] = [];
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes[at]);
    const character = decoded(strict, bytes.slice(at, at + length));
    parts.push(character ?? '\ufffd');
    at += character === undefined ? 1 : length;
  }
  return parts.join('');
}

function sequenceLength(first: number): number {
  if (first >= 0xf0) return 4;
  if (first >= 0xe0) return 3;
  return first >= 0xc0 ? 2 : 1;
}

function decoded(decoder: TextDecoder, bytes: readonly number[]): string | undefined {
  try {
    return decoder.decode(Uint8Array.from(bytes));
  } catch {
    return undefined;
  }
}
