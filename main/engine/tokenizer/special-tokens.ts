import { z } from 'zod';
import { addedToken, addedTokensById, configSchema, tokenId } from './schema.ts';
import type { SentencePiece } from './sentence-piece.ts';
import { readSettings } from './tokenizer-files.ts';

/** A name with what goes with it; the empty name is that of a token that no model has. */
const namedToken = z.union([
  z.string().transform((content) => ({ content })),
  addedToken.partial().extend({ content: z.string() }),
]);

const ownNames = z.object({
  bos_token: namedToken.nullish(),
  eos_token: namedToken.nullish(),
  unk_token: namedToken.nullish(),
  sep_token: namedToken.nullish(),
  pad_token: namedToken.nullish(),
  cls_token: namedToken.nullish(),
  mask_token: namedToken.nullish(),
});

const names = ownNames.extend({ additional_special_tokens: z.array(namedToken).nullish() });

const sentencePieceConfig = configSchema.extend({
  ...names.shape,
  added_tokens_decoder: addedTokensById.optional(),
  tokenizer_class: z.string().nullish(),
  add_bos_token: z.boolean().nullish(),
  add_eos_token: z.boolean().nullish(),
  add_prefix_space: z.boolean().nullish(),
  legacy: z.boolean().nullish(),
  num_image_tokens: tokenId.nullish(),
  remove_space: z.boolean().nullish(),
  do_lower_case: z.boolean().nullish(),
});

const addedTokensFile = z.record(z.string().min(1), tokenId);

/** What the files beside a SentencePiece model say. */
export interface TokenizerSettings extends z.output<typeof sentencePieceConfig> {
  /** Of added_tokens.json. */
  readonly addedIds: Readonly<Record<string, number>>;
}

/** A token that a text may name. */
export interface SpecialToken {
  readonly content: string;
  readonly id: number;
  /** Whether it stands for no text. */
  readonly isSpecial: boolean;
  /** Whether it is a beginning, an end or the like by the settings, not only a token beside the model's pieces. */
  readonly isNamed: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Only where spaces, other tokens or nothing are around it. */
  readonly singleWord: boolean;
  /** Only directly behind this text. */
  readonly onlyBehind?: string;
}

/**
 * tokenizer_config.json; where it lists no added tokens, as of transformers before 4.34, special_tokens_map.json goes
 * over it, and added_tokens.json has their ids.
 * Throws tokenizer-invalid, or file-unreadable.
 */
export async function readTokenizerSettings(folder: string): Promise<TokenizerSettings> {
  const config = await readSettings(folder, 'tokenizer_config.json', sentencePieceConfig);
  if (config.added_tokens_decoder !== undefined) return { ...config, addedIds: {} };
  const map = await readSettings(folder, 'special_tokens_map.json', names);
  const additional = [config, map].flatMap((from) => from.additional_special_tokens ?? []);
  const addedIds = await readSettings(folder, 'added_tokens.json', addedTokensFile);
  return { ...config, ...map, additional_special_tokens: additional, addedIds };
}

/** Tokens by what they are for, where the settings do not name one. */
export type DefaultNames = Readonly<Partial<Record<keyof z.output<typeof ownNames>, string>>>;

/**
 * The tokens that a text may name, as transformers' own tokenizers know them. A name whose id neither a file nor the
 * model tells would get one past the model's embedding, so it stays unknown.
 */
export function specialTokensOf(
  settings: TokenizerSettings,
  piece: SentencePiece,
  defaults: DefaultNames,
): SpecialToken[] {
  const named = [
    ...ownNames.keyof().options.map((key) => settings[key] ?? { content: defaults[key] }),
    ...(settings.additional_special_tokens ?? []),
  ];
  const namedContents = new Set(named.map(({ content }) => content));
  const tokens = new Map<string, SpecialToken>();
  const add = (id: number | undefined, token: Partial<z.output<typeof addedToken>>): void => {
    const { content = '', special = true, lstrip = false, rstrip = false, single_word = false } = token;
    if (id === undefined || content === '' || tokens.has(content)) return;
    const isNamed = namedContents.has(content);
    const isSpecial = special || isNamed;
    tokens.set(content, { content, id, isSpecial, isNamed, lstrip, rstrip, singleWord: single_word });
  };
  for (const [id, token] of Object.entries(settings.added_tokens_decoder ?? {})) add(Number(id), token);
  for (const [content, id] of Object.entries(settings.addedIds)) add(id, { content, special: false });
  for (const token of named) add(piece.idOf(token.content ?? ''), { ...token, special: true });
  return [...tokens.values()];
}
