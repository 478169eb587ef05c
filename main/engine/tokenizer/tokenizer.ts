import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ByteFallbackDecoder,
  type Decoder,
  SequenceDecoder,
  Tokenizer as LibraryTokenizer,
} from '@huggingface/tokenizers';
import { EngineError } from '../errors.ts';
import { exactDefinition, type SurroundingIds } from './exact-definition.ts';
import { chatGlm1File, loadSentencePieceTokenizer, sentencePieceFile } from './sentence-piece-files.ts';
import { invalid, readTokenizerFiles, type TokenizerFiles } from './tokenizer-files.ts';

export interface EncodeOptions {
  /** Whether what the model expects around a text is put there: a bos, an eos, ChatGLM's marks. Default true. */
  readonly addSpecialTokens?: boolean;
  /**
   * Whether the names of special tokens in the text stand for them, as in a prompt that a template has made. Only
   * ChatGLM's tokenizers take them for plain text otherwise.
   */
  readonly readSpecialTokens?: boolean;
}

/** Tokens behind which a model writes, and without which it reads nothing: ChatGLM's [gMASK] <sop>. */
export interface TextMarks {
  readonly ids: readonly number[];
  /** Whether they stand before all that is read, or behind a context and before what is written. */
  readonly place: 'before' | 'after';
}

/** Text to token ids and back. */
export interface Tokenizer {
  /** The highest id, added tokens included, plus one. */
  readonly vocabSize: number;
  /** Undefined for models that read a text from any of its tokens on. */
  readonly marks?: TextMarks | undefined;
  /** What the model expects around a text. */
  readonly surrounding: SurroundingIds;
  /** Ids as transformers' `tokenizer(text)` gives them. */
  encode(text: string, options?: EncodeOptions): number[];
  /** Whether an id stands for no text: an end, a beginning, a role. */
  isSpecial(id: number): boolean;
  /** The text of ids, special tokens shown; ids that the vocabulary lacks are passed over, as transformers does. */
  decode(ids: readonly number[]): string;
}

/** Files that a tokenizer is read from, the first that is there. */
const tokenizerFiles: readonly string[] = ['tokenizer.json', chatGlm1File, sentencePieceFile];

/** Whether a folder has a tokenizer; what is wrong with it, loadTokenizer says. */
export async function hasTokenizer(folder: string): Promise<boolean> {
  const isThere = (file: string): Promise<boolean> =>
    stat(join(folder, file)).then(
      () => true,
      () => false,
    );
  return (await Promise.all(tokenizerFiles.map(isThere))).includes(true);
}

/**
 * The tokenizer of a model folder: tokenizer.json, or a SentencePiece model (tokenizer.model, ice_text.model), with
 * tokenizer_config.json and the like where they are.
 * Throws tokenizer-missing, tokenizer-invalid, feature-unsupported, or file-unreadable.
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const files = await readTokenizerFiles(folder);
  const found = files === undefined ? await loadSentencePieceTokenizer(folder) : definedTokenizer(files);
  if (found !== undefined) return found;
  throw new EngineError(
    'tokenizer-missing',
    `${folder} has no tokenizer: expected one of the files ${tokenizerFiles.join(', ')}, found none`,
    { folder, expected: tokenizerFiles },
    'Copy it from where the model came, or make tokenizer.json there with AutoTokenizer.save_pretrained.',
  );
}

/** The tokenizer that a tokenizer.json describes. */
function definedTokenizer(files: TokenizerFiles): Tokenizer {
  const { forLibrary, prepare, surrounding, vocabSize, specialIds } = exactDefinition(files);
  const library = createLibraryTokenizer(forLibrary, files.path);
  return {
    vocabSize,
    surrounding,
    encode: (text, options) => {
      const { ids } = library.encode(prepare(text), { add_special_tokens: false });
      return (options?.addSpecialTokens ?? true)
        ? [...surrounding.before, ...ids, ...surrounding.after]
        : ids;
    },
    isSpecial: (id) => specialIds.has(id),
    decode: (ids) => {
      const known = ids.filter((id) => library.id_to_token(id) !== undefined);
      return known.length === 0 ? '' : library.decode(known, { clean_up_tokenization_spaces: false });
    },
  };
}

function createLibraryTokenizer(definition: object, path: string): LibraryTokenizer {
  try {
    const library = new LibraryTokenizer(definition, {});
    if (library.decoder !== null) makeByteFallbackExact(library.decoder);
    return library;
  } catch (error) {
    throw invalid(
      path,
      `the tokenizer library refuses it: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/**
 * Byte tokens that are no UTF-8 become one U+FFFD each, as in the Rust library; the JavaScript one gives fewer, and
 * drops a byte order mark.
 */
function makeByteFallbackExact(decoder: Decoder): void {
  if (decoder instanceof SequenceDecoder) decoder.decoders.forEach(makeByteFallbackExact);
  if (!(decoder instanceof ByteFallbackDecoder)) return;
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  decoder.text_decoder = Object.assign(new TextDecoder(), {
    decode: (bytes: Uint8Array) => {
      try {
        return strict.decode(bytes);
      } catch {
        return '\ufffd'.repeat(bytes.length);
      }
    },
  });
}
