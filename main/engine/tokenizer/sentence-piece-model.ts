import protobuf from 'protobufjs/light.js';
import { EngineError } from '../errors.ts';
import { invalid } from './tokenizer-files.ts';

/** The part of sentencepiece_model.proto (SentencePiece 0.2) that encoding and decoding depend on. */
const messages = {
  ModelProto: {
    fields: {
      pieces: { rule: 'repeated', type: 'SentencePiece', id: 1 },
      trainerSpec: { type: 'TrainerSpec', id: 2 },
      normalizerSpec: { type: 'NormalizerSpec', id: 3 },
      denormalizerSpec: { type: 'NormalizerSpec', id: 5 },
    },
  },
  SentencePiece: {
    fields: {
      piece: { type: 'string', id: 1 },
      score: { type: 'float', id: 2 },
      type: { type: 'int32', id: 3, options: { default: 1 } },
    },
  },
  TrainerSpec: {
    fields: {
      modelType: { type: 'int32', id: 3, options: { default: 1 } },
      treatWhitespaceAsSuffix: { type: 'bool', id: 24 },
      byteFallback: { type: 'bool', id: 35 },
      unkSurface: { type: 'string', id: 44, options: { default: ' \u2047 ' } },
    },
  },
  NormalizerSpec: {
    fields: {
      precompiledCharsmap: { type: 'bytes', id: 2 },
      addDummyPrefix: { type: 'bool', id: 3, options: { default: true } },
      removeExtraWhitespaces: { type: 'bool', id: 4, options: { default: true } },
      escapeWhitespaces: { type: 'bool', id: 5, options: { default: true } },
    },
  },
};

/** Fields of proto2 may be absent, which is not the same as zero: several settings are on unless they say no. */
const schema = {
  nested: Object.fromEntries(
    Object.entries(messages).map(([name, message]) => [name, { ...message, edition: 'proto2' }]),
  ),
};

const modelProto = protobuf.Root.fromJSON(schema).lookupType('ModelProto');

/** As tokenizer.json's ids: a made-up file must not exhaust the memory. */
const maxPieces = 4_000_000;

/** The longest pieces of trained models have 16 characters, user-defined ones some tens. */
const maxPieceLength = 4096;

export const pieceType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

const knownTypes: ReadonlySet<number> = new Set(Object.values(pieceType));

export interface Piece {
  readonly text: string;
  /** A float32: a log-probability, or, of byte-pair models, the negative rank of the merge. */
  readonly score: number;
  readonly type: number;
}

export interface NormalizerSpec {
  /** A trie of replacements, see sentence-piece-normalizer.ts; empty where nothing is replaced. */
  readonly charsMap: Uint8Array;
  readonly addDummyPrefix: boolean;
  readonly removeExtraWhitespaces: boolean;
  readonly escapeWhitespaces: boolean;
}

/** What a SentencePiece file holds. Ids are indices of `pieces`. */
export interface SentencePieceModel {
  readonly kind: 'unigram' | 'bpe';
  readonly pieces: readonly Piece[];
  readonly unknownId: number;
  /** What an unknown piece is decoded to. */
  readonly unknownSurface: string;
  /** Whether unknown characters become their bytes. */
  readonly byteFallback: boolean;
  readonly normalizer: NormalizerSpec;
}

interface DecodedNormalizer {
  readonly precompiledCharsmap: Uint8Array;
  readonly addDummyPrefix: boolean;
  readonly removeExtraWhitespaces: boolean;
  readonly escapeWhitespaces: boolean;
}

interface Decoded {
  readonly pieces: readonly { readonly piece: string; readonly score: number; readonly type: number }[];
  readonly trainerSpec: {
    readonly modelType: number;
    readonly treatWhitespaceAsSuffix: boolean;
    readonly byteFallback: boolean;
    readonly unkSurface: string;
  } | null;
  readonly normalizerSpec: DecodedNormalizer | null;
  readonly denormalizerSpec: DecodedNormalizer | null;
}

/** Throws tokenizer-invalid, and feature-unsupported for models of whole words or characters and rare settings. */
export function parseSentencePiece(bytes: Uint8Array, path: string): SentencePieceModel {
  const { pieces, trainerSpec, normalizerSpec, denormalizerSpec } = decoded(bytes, path);
  if (pieces.length === 0) throw invalid(path, 'it is not a SentencePiece model: it has no pieces');
  if (pieces.length > maxPieces)
    throw invalid(path, `it has ${pieces.length} pieces; at most ${maxPieces} are allowed`);
  const kind = trainerSpec?.modelType ?? 1;
  if (kind !== 1 && kind !== 2) throw unsupported(path, 'pieces that are whole words or characters');
  if (trainerSpec?.treatWhitespaceAsSuffix) throw unsupported(path, 'spaces marked behind words');
  if (denormalizerSpec && denormalizerSpec.precompiledCharsmap.length > 0) {
    throw unsupported(path, 'a map of characters for decoding');
  }
  const normalizer = {
    charsMap: normalizerSpec?.precompiledCharsmap ?? new Uint8Array(),
    addDummyPrefix: normalizerSpec?.addDummyPrefix ?? true,
    removeExtraWhitespaces: normalizerSpec?.removeExtraWhitespaces ?? true,
    escapeWhitespaces: normalizerSpec?.escapeWhitespaces ?? true,
  };
  if (!normalizer.escapeWhitespaces) throw unsupported(path, 'spaces that are not marked');
  const model: SentencePieceModel = {
    kind: kind === 1 ? 'unigram' : 'bpe',
    pieces: pieces.map(({ piece, score, type }) => ({ text: piece, score, type })),
    unknownId: pieces.findIndex(({ type }) => type === pieceType.unknown),
    unknownSurface: trainerSpec?.unkSurface ?? ' \u2047 ',
    byteFallback: trainerSpec?.byteFallback ?? false,
    normalizer,
  };
  checkPieces(model, path);
  return model;
}

function decoded(bytes: Uint8Array, path: string): Decoded {
  try {
    const reader = protobuf.Reader.create(bytes);
    reader.discardUnknown = true;
    return modelProto.decode(reader) as unknown as Decoded;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw invalid(path, `it is not a SentencePiece model: ${reason}`);
  }
}

/** What SentencePiece itself asks of a model before it uses it. */
function checkPieces({ pieces, byteFallback }: SentencePieceModel, path: string): void {
  const seen = new Set<string>();
  let unknown = 0;
  let byteCount = 0;
  for (const [id, { text, score, type }] of pieces.entries()) {
    if (text === '') throw invalid(path, `piece ${id} is empty`);
    if (text.length > maxPieceLength) throw invalid(path, `piece ${id} has ${text.length} characters`);
    if (seen.has(text)) throw invalid(path, `piece ${id}, ${JSON.stringify(text)}, occurs twice`);
    if (!knownTypes.has(type)) throw invalid(path, `piece ${id} has the type ${type}`);
    if (!Number.isFinite(score)) throw invalid(path, `piece ${id} has the score ${score}`);
    if (type === pieceType.byte && text !== byteText(byteOf(text))) {
      throw invalid(path, `piece ${id}, ${JSON.stringify(text)}, should be a byte such as <0x0A>`);
    }
    seen.add(text);
    if (type === pieceType.unknown) unknown++;
    if (type === pieceType.byte) byteCount++;
  }
  if (unknown !== 1) throw invalid(path, `it has ${unknown} unknown pieces, expected one`);
  if (byteFallback && byteCount !== 256) throw invalid(path, `it has ${byteCount} byte pieces, expected 256`);
}

/** The piece of a byte. */
export function byteText(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

/** The byte that a piece of type byte stands for. */
export function byteOf(text: string): number {
  return Number.parseInt(text.slice(3, 5), 16);
}

function unsupported(path: string, feature: string): EngineError {
  return new EngineError(
    'feature-unsupported',
    `${path} has ${feature}, which is not supported`,
    { path, feature },
    'SentencePiece models of the kinds unigram and BPE are supported; use a model that has one.',
  );
}
