import { z } from 'zod';
import { type addedToken, configSchema, namedToken, tokenId } from './schema.ts';
import type { SentencePiece } from './sentence-piece.ts';
import { readSettings } from './tokenizer-files.ts';

const names = z.object({
  bos_token: namedToken.nullish(),
  eos_token: namedToken.nullish(),
  unk_token: namedToken.nullish(),
  pad_token: namedToken.nullish(),
  mask_token: namedToken.nullish(),
  additional_special_tokens: z.array(namedToken).nullish(),
});

const sentencePieceConfig = configSchema.extend({
  ...names.shape,
  tokenizer_class: z.string().nullish(),
  add_bos_token: z.boolean().nullish(),
  add_eos_token: z.boolean().nullish(),
  add_prefix_space: z.boolean().nullish(),
  legacy: z.boolean().nullish(),
  num_image_tokens: tokenId.nullish(),
});

const addedTokensFile = z.record(z.string().min(1), tokenId);

/** What the files beside a SentencePiece model say. */
export type TokenizerSettings = z.output<typeof sentencePieceConfig>;

/** A token that a text may name. */
export interface SpecialToken {
  readonly content: string;
  readonly id: number;
  readonly isSpecial: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
}

/**
 * tokenizer_config.json, with the names that only special_tokens_map.json has.
 * Throws tokenizer-invalid, or file-unreadable.
 */
export async function readTokenizerSettings(folder: string): Promise<TokenizerSettings> {
  const config = await readSettings(folder, 'tokenizer_config.json', sentencePieceConfig);
  const map = await readSettings(folder, 'special_tokens_map.json', names);
  const missing = Object.entries(map).filter(([key]) => config[key] === undefined);
  return { ...config, ...Object.fromEntries(missing) };
}

/**
 * The tokens that a text may name, as transformers' own tokenizers know them. A name whose id neither a file nor the
 * model tells would get one past the model's embedding, so it stays unknown.
 * Throws tokenizer-invalid, or file-unreadable.
 */
export async function readSpecialTokens(
  folder: string,
  settings: TokenizerSettings,
  piece: SentencePiece,
  defaults: readonly string[],
): Promise<SpecialToken[]> {
  const ids = await readSettings(folder, 'added_tokens.json', addedTokensFile);
  const tokens = new Map<string, SpecialToken>();
  const add = (
    content: string,
    id: number | undefined,
    flags: Partial<z.output<typeof addedToken>> = {},
  ): void => {
    if (id === undefined || tokens.has(content)) return;
    const { special = true, lstrip = false, rstrip = false } = flags;
    tokens.set(content, { content, id, isSpecial: special, lstrip, rstrip });
  };
  for (const [id, token] of Object.entries(settings.added_tokens_decoder))
    add(token.content, Number(id), token);
  const { bos_token, eos_token, unk_token, pad_token, mask_token, additional_special_tokens } = settings;
  const named = [
    bos_token,
    eos_token,
    unk_token,
    pad_token,
    mask_token,
    ...(additional_special_tokens ?? []),
  ];
  for (const content of [...named, ...defaults]) {
    if (typeof content !== 'string' || content === '') continue;
    add(content, Object.hasOwn(ids, content) ? ids[content] : piece.idOf(content));
  }
  for (const [content, id] of Object.entries(ids)) add(content, id, { special: false });
  return [...tokens.values()];
}
