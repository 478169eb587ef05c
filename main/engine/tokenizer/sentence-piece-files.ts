import path from 'node:path';
import { z } from 'zod';
import { spaceMark } from './schema.ts';
import { SentencePiece } from './sentence-piece.ts';
import { parseSentencePiece } from './sentence-piece-model.ts';
import { sentencePieceTokenizer } from './sentence-piece-tokenizer.ts';
import {
  readSpecialTokens,
  readTokenizerSettings,
  type SpecialToken,
  type TokenizerSettings,
} from './special-tokens.ts';
import type { Tokenizer } from './tokenizer.ts';
import { invalid, readModelBytes, readSettings } from './tokenizer-files.ts';

export const sentencePieceFile = 'tokenizer.model';
/** ChatGLM-6B's. */
export const chatGlm1File = 'ice_text.model';

/**
 * The tokenizer of a folder with a SentencePiece model; undefined where there is none.
 * Throws tokenizer-invalid, feature-unsupported, or file-unreadable.
 */
export async function loadSentencePieceTokenizer(folder: string): Promise<Tokenizer | undefined> {
  for (const file of [chatGlm1File, sentencePieceFile]) {
    const bytes = await readModelBytes(folder, file);
    if (bytes === undefined) continue;
    const filePath = path.join(folder, file);
    const piece = new SentencePiece(parseSentencePiece(bytes, filePath), filePath);
    const settings = await readTokenizerSettings(folder);
    if (file === chatGlm1File) return chatGlm1Tokenizer(folder, filePath, settings, piece);
    return (await isChatGlm(folder, settings))
      ? chatGlm2Tokenizer(piece)
      : llamaTokenizer(folder, settings, piece);
  }
  return undefined;
}

/** tokenizer_config.json says so, or, where there is none, config.json. */
async function isChatGlm(folder: string, { tokenizer_class }: TokenizerSettings): Promise<boolean> {
  if (typeof tokenizer_class === 'string') return tokenizer_class === 'ChatGLMTokenizer';
  const config = await readSettings(
    folder,
    'config.json',
    z.looseObject({ model_type: z.unknown().optional() }),
  );
  return config.model_type === 'chatglm';
}

const plainText = (text: string): string => text;

/**
 * LLaMA 1 and 2, Vicuna, TinyLlama, Baichuan: as transformers' LlamaTokenizer of version 4, which these files were
 * published for. By default (`legacy`) each part of a text between special tokens has the space in front; otherwise
 * only the first one, and a mark in a text is a space.
 */
async function llamaTokenizer(
  folder: string,
  settings: TokenizerSettings,
  piece: SentencePiece,
): Promise<Tokenizer> {
  const tokens = await readSpecialTokens(folder, settings, piece, ['<s>', '</s>', '<unk>']);
  const idOf = (content: string): number | undefined =>
    tokens.find((token) => token.content === content)?.id ?? piece.idOf(content);
  const idsOf = (isWanted: boolean, content: string): number[] => {
    const id = isWanted ? idOf(content) : undefined;
    return id === undefined ? [] : [id];
  };
  const isLegacy = settings.legacy ?? true;
  const prefix = (settings.add_prefix_space ?? true) ? 'first' : 'none';
  return sentencePieceTokenizer({
    piece,
    tokens,
    isReadInTexts: () => true,
    before: idsOf(settings.add_bos_token ?? true, settings.bos_token ?? '<s>'),
    after: idsOf(settings.add_eos_token ?? false, settings.eos_token ?? '</s>'),
    prefix: isLegacy ? 'each' : prefix,
    idOffset: 0,
    prepare: isLegacy ? plainText : (text) => text.replaceAll(spaceMark, ' '),
    restore: plainText,
  });
}

const longestBlank = 80;

/** A run of spaces as ChatGLM-6B writes it. */
const blankToken = (length: number): string => `<|blank_${length}|>`;
const tabToken = '<|tab|>';
const newlineToken = '<n>';

/** As in the tokenizer that ChatGLM-6B is published with: newlines, tabs and runs of spaces have pieces of their own. */
function markBlanks(text: string): string {
  return text
    .replaceAll('\n', newlineToken)
    .replaceAll('\t', tabToken)
    .replace(/ {2,}/g, (run) => {
      const rest = run.length % longestBlank;
      const tail = rest > 1 ? blankToken(rest) : ' '.repeat(rest);
      return blankToken(longestBlank).repeat(Math.floor(run.length / longestBlank)) + tail;
    });
}

const anyBlank = /<n>|<\|tab\|>|<\|blank_(\d+)\|>/g;

function restoreBlanks(text: string): string {
  return text.replace(anyBlank, (token, digits?: string) => {
    if (token === newlineToken) return '\n';
    if (token === tabToken) return '\t';
    const length = Number(digits);
    const isKnown = length >= 2 && length <= longestBlank && token === blankToken(length);
    return isKnown ? ' '.repeat(length) : token;
  });
}

/** The default of the published tokenizer's code; its published settings have 0. */
const defaultImageTokens = 20_000;

/** ChatGLM-6B: blanks are marked, and [gMASK] <sop> follows a text. */
async function chatGlm1Tokenizer(
  folder: string,
  filePath: string,
  settings: TokenizerSettings,
  piece: SentencePiece,
): Promise<Tokenizer> {
  const idOffset = settings.num_image_tokens ?? defaultImageTokens;
  const marks = ['[gMASK]', '<sop>'].map((mark) => {
    const id = piece.idOf(mark);
    if (id !== undefined) return id + idOffset;
    throw invalid(filePath, `it lacks the piece ${mark}`, 'Get the files of a later release of ChatGLM-6B.');
  });
  const named = ['<sop>', '<eop>', '<pad>', '<unk>', '[MASK]', '[gMASK]', '[sMASK]'];
  const tokens = (await readSpecialTokens(folder, settings, piece, named)).map((token) =>
    // The ids of pieces are moved, those that a file tells are not.
    token.id === piece.idOf(token.content) ? { ...token, id: token.id + idOffset } : token,
  );
  return sentencePieceTokenizer({
    piece,
    tokens,
    isReadInTexts: ({ content }) => content !== '[gMASK]' && content !== '[sMASK]',
    before: [],
    after: marks,
    marks: { ids: marks, place: 'after' },
    prefix: 'each',
    idOffset,
    prepare: markBlanks,
    restore: restoreBlanks,
  });
}

/** Behind the pieces, in this order; ChatGLM2 has the first five. */
const chatGlmTokens = ['[MASK]', '[gMASK]', '[sMASK]', 'sop', 'eop'];
const chatGlm3Roles = ['<|system|>', '<|user|>', '<|assistant|>', '<|observation|>'];

/** ChatGLM2 and 3: [gMASK] sop go before a text, in which only the model's own end and unknown piece can be named. */
function chatGlm2Tokenizer(piece: SentencePiece): Tokenizer {
  const first = piece.model.pieces.length;
  const token = (content: string, id: number): SpecialToken => {
    return { content, id, isSpecial: true, lstrip: false, rstrip: false };
  };
  const own = ['</s>', '<unk>'].flatMap((content) => {
    const id = piece.idOf(content);
    return id === undefined ? [] : [token(content, id)];
  });
  const added = [...chatGlmTokens, ...chatGlm3Roles].map((content, i) => token(content, first + i));
  const marks = ['[gMASK]', 'sop'].map((mark) => first + chatGlmTokens.indexOf(mark));
  return sentencePieceTokenizer({
    piece,
    tokens: [...own, ...added],
    isReadInTexts: ({ id }) => id < first,
    before: marks,
    after: [],
    marks: { ids: marks, place: 'before' },
    prefix: 'each',
    idOffset: 0,
    prepare: plainText,
    restore: plainText,
  });
}
