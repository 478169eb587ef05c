import {
  ByteFallbackDecoder,
  type Decoder,
  SequenceDecoder,
  Tokenizer as LibraryTokenizer,
} from '@huggingface/tokenizers';
import { exactDefinition } from './exact-definition.ts';
import { invalid, readTokenizerFiles } from './tokenizer-files.ts';

/** Text to token ids and back. */
export interface Tokenizer {
  /** The highest id, added tokens included, plus one. */
  readonly vocabSize: number;
  /** Ids as transformers' `tokenizer(text)` gives them; without `addSpecialTokens` (default true) no bos, no eos. */
  encode(text: string, options?: { readonly addSpecialTokens?: boolean }): number[];
  /** Whether an id stands for no text: an end, a beginning, a role. */
  isSpecial(id: number): boolean;
  /** The text of ids, special tokens shown; ids that the vocabulary lacks are passed over, as transformers does. */
  decode(ids: readonly number[]): string;
}

/**
 * The tokenizer of a model folder: tokenizer.json, with tokenizer_config.json where there is one.
 * Throws tokenizer-missing, tokenizer-invalid, feature-unsupported, or file-unreadable.
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const files = await readTokenizerFiles(folder);
  const { forLibrary, prepare, surrounding, vocabSize, specialIds } = exactDefinition(files);
  const library = createLibraryTokenizer(forLibrary, files.path);
  return {
    vocabSize,
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
