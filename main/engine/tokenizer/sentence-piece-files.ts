import path from 'node:path';
import { z } from 'zod';
import { EngineError } from '../errors.ts';
import { spaceMark } from './schema.ts';
import { SentencePiece } from './sentence-piece.ts';
import { parseSentencePiece } from './sentence-piece-model.ts';
import { sentencePieceTokenizer, type SentencePieceUse } from './sentence-piece-tokenizer.ts';
import {
  readTokenizerSettings,
  type SpecialToken,
  specialTokensOf,
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
    if (file === chatGlm1File) return chatGlm1Tokenizer(filePath, settings, piece);
    return (await isChatGlm(folder, settings)) ? chatGlm2Tokenizer(piece) : llamaTokenizer(settings, piece);
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
 * published for.
 */
function llamaTokenizer(settings: TokenizerSettings, piece: SentencePiece): Tokenizer {
  const defaults = { bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>' };
  const tokens = specialTokensOf(settings, piece, defaults);
  const idsOf = (isWanted: boolean, key: keyof typeof defaults): number[] => {
    const content = settings[key]?.content ?? defaults[key];
    // To transformers an empty name is one that the model lacks: decapoda-research/llama-7b-hf begins with id 0.
    const unknown = content === '' ? piece.model.unknownId : undefined;
    const id = tokens.find((token) => token.content === content)?.id ?? piece.idOf(content) ?? unknown;
    return isWanted && id !== undefined ? [id] : [];
  };
  const unknownToken = settings.unk_token?.content ?? defaults.unk_token;
  return sentencePieceTokenizer({
    piece,
    tokens,
    readIn: () => 'texts',
    before: idsOf(settings.add_bos_token ?? true, 'bos_token'),
    after: idsOf(settings.add_eos_token ?? false, 'eos_token'),
    idOffset: 0,
    ...((settings.legacy ?? true)
      ? { prepare: plainText, encodePart: (text: string) => piece.encode(text) }
      : notLegacy(piece, unknownToken, settings.add_prefix_space ?? true)),
    restore: plainText,
  });
}

/**
 * `legacy: false`: a mark in a text is a space, and one is put in front of the whole, whatever the model says, unless a
 * named token comes first. The model would take spaces in front of a part away, so transformers puts the unknown
 * token's name there and takes its pieces away again; what is joined to them is cut off with them, here as there.
 */
function notLegacy(
  piece: SentencePiece,
  unknownToken: string,
  hasPrefix: boolean,
): Pick<SentencePieceUse, 'prepare' | 'encodePart'> {
  const guardLength = piece.encode(unknownToken, false).length;
  const encodePart = (text: string): readonly number[] => {
    if (!text.startsWith(spaceMark) && !text.startsWith(' ')) return piece.encode(text, false);
    const ids = piece.encode(unknownToken + text, false);
    return ids.length >= guardLength ? ids.slice(guardLength) : ids;
  };
  const mark = piece.idOf(spaceMark);
  return {
    prepare: (text) => (hasPrefix && text !== '' ? spaceMark : '') + text.replaceAll(spaceMark, ' '),
    encodePart: (text, next) => {
      const ids = encodePart(text);
      const isMarkAlone = ids.length === 1 && ids[0] === mark;
      return isMarkAlone && next?.isNamed === true ? [] : ids;
    },
  };
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

const chatGlm1Names = {
  bos_token: '<sop>',
  eos_token: '<eop>',
  unk_token: '<unk>',
  pad_token: '<pad>',
  mask_token: '[MASK]',
};

/** The published tokenizer can change a text before it is encoded; its published settings do not ask for it. */
function refuseChangedTexts(filePath: string, settings: TokenizerSettings): void {
  const setting = (['remove_space', 'do_lower_case'] as const).find((key) => settings[key] === true);
  if (setting === undefined) return;
  const path = filePath.replace(chatGlm1File, 'tokenizer_config.json');
  throw new EngineError(
    'feature-unsupported',
    `${path} has "${setting}": true, which is not supported: texts are encoded as they are`,
    { path, setting },
    `Set "${setting}" to false, as ChatGLM-6B is published.`,
  );
}

/** ChatGLM-6B: blanks are marked, and [gMASK] <sop> follows a text. */
function chatGlm1Tokenizer(filePath: string, settings: TokenizerSettings, piece: SentencePiece): Tokenizer {
  refuseChangedTexts(filePath, settings);
  const idOffset = settings.num_image_tokens ?? defaultImageTokens;
  const marks = ['[gMASK]', '<sop>'].map((mark) => {
    const id = piece.idOf(mark);
    if (id !== undefined) return id + idOffset;
    throw invalid(filePath, `it lacks the piece ${mark}`, 'Get the files of a later release of ChatGLM-6B.');
  });
  const named = specialTokensOf(settings, piece, chatGlm1Names);
  const others = ['[gMASK]', '[sMASK]'].filter((name) => !named.some(({ content }) => content === name));
  const tokens = [...named, ...others.flatMap((name) => plainToken(name, piece.idOf(name)))].map((token) =>
    // The ids of pieces are moved, those that a file tells are not.
    token.id === piece.idOf(token.content) ? { ...token, id: token.id + idOffset } : token,
  );
  return sentencePieceTokenizer({
    piece,
    tokens,
    readIn: ({ content }) => (others.includes(content) ? 'prompts' : 'texts'),
    before: [],
    after: marks,
    marks: { ids: marks, place: 'after' },
    idOffset,
    prepare: plainText,
    encodePart: (text) => piece.encode(markBlanks(text)),
    restore: restoreBlanks,
  });
}

/** Behind the pieces, in this order; ChatGLM2 has the first five. */
const chatGlmTokens = ['[MASK]', '[gMASK]', '[sMASK]', 'sop', 'eop'];
const chatGlm3Roles = ['<|system|>', '<|user|>', '<|assistant|>', '<|observation|>'];

/**
 * ChatGLM2 and 3: [gMASK] sop go before a text, in which no token can be named. In what a template has made, sop is one
 * only behind [gMASK], and eop nowhere: they are parts of words, as in "people" and "philosophy".
 */
function chatGlm2Tokenizer(piece: SentencePiece): Tokenizer {
  const first = piece.model.pieces.length;
  const own = ['</s>', '<unk>'].flatMap((content) => plainToken(content, piece.idOf(content)));
  const added = [...chatGlmTokens, ...chatGlm3Roles].flatMap((name, i) => plainToken(name, first + i));
  const marks = ['[gMASK]', 'sop'].map((mark) => first + chatGlmTokens.indexOf(mark));
  return sentencePieceTokenizer({
    piece,
    tokens: [...own, ...added].map((token) =>
      token.content === 'sop' ? { ...token, onlyBehind: '[gMASK]' } : token,
    ),
    readIn: ({ content }) => (content === 'eop' ? 'nowhere' : 'prompts'),
    before: marks,
    after: [],
    marks: { ids: marks, place: 'before' },
    idOffset: 0,
    prepare: plainText,
    encodePart: (text) => piece.encode(text),
    restore: plainText,
  });
}

/** A special token that claims nothing around it; none without an id. */
function plainToken(content: string, id: number | undefined): SpecialToken[] {
  if (id === undefined) return [];
  return [{ content, id, isSpecial: true, isNamed: false, lstrip: false, rstrip: false, singleWord: false }];
}
