/** The form of tokenizer.json and tokenizer_config.json, as far as a byte-pair tokenizer needs them. */

import { z } from 'zod';

/** SentencePiece's mark for a space. */
export const spaceMark = '\u2581';

/** Ids index an array, so a huge one would take its memory; no published vocabulary has half a million entries. */
const maxTokenId = 4_000_000;

export const tokenId = z.int().min(0).max(maxTokenId);

export const addedToken = z.object({
  content: z.string().min(1),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().optional(),
  special: z.boolean().default(false),
});

/** `a b`, or `["a", "b"]` where a token may hold a space. */
const mergeSchema = z.union([
  z.tuple([z.string().min(1), z.string().min(1)]),
  z
    .string()
    .regex(/^[^ ]+ [^ ]+$/)
    .transform((merge): [string, string] => {
      const [left = '', right = ''] = merge.split(' ');
      return [left, right];
    }),
]);

const bytePairModel = z.looseObject({
  type: z.literal('BPE').default('BPE'),
  vocab: z.record(z.string(), tokenId),
  merges: z.array(mergeSchema),
  unk_token: z.string().nullish(),
  dropout: z.number().nullish(),
  continuing_subword_prefix: z.string().nullish(),
  end_of_word_suffix: z.string().nullish(),
  byte_fallback: z.boolean().default(false),
  ignore_merges: z.boolean().default(false),
});

/** A step of the normalizer, pre-tokenizer, post-processor or decoder; each kind has its own form. */
const anyStage = z.looseObject({ type: z.string() });

export const definitionSchema = z.looseObject({
  added_tokens: z.array(addedToken.extend({ id: tokenId })).default([]),
  normalizer: anyStage.nullish(),
  pre_tokenizer: anyStage.nullish(),
  post_processor: anyStage.nullish(),
  decoder: anyStage.nullish(),
  model: bytePairModel,
});

const namedToken = z
  .union([z.string(), z.object({ content: z.string() })])
  .transform((token) => (typeof token === 'string' ? token : token.content));

export const addedTokensById = z.record(z.string().regex(/^\d{1,7}$/), addedToken);

export const configSchema = z.looseObject({
  bos_token: namedToken.nullish(),
  eos_token: namedToken.nullish(),
  unk_token: namedToken.nullish(),
  pad_token: namedToken.nullish(),
  added_tokens_decoder: addedTokensById.default({}),
});

const pattern = z.union([z.object({ Regex: z.string().min(1) }), z.object({ String: z.string().min(1) })]);

export const normalizerSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('Prepend'), prepend: z.string() }),
  z.object({ type: z.literal('Replace'), pattern, content: z.string() }),
  z.object({ type: z.enum(['NFC', 'NFD', 'NFKC', 'NFKD']) }),
]);

export const preTokenizerSchema = z.union([
  z.object({
    type: z.literal('ByteLevel'),
    add_prefix_space: z.boolean(),
    use_regex: z.boolean().default(true),
  }),
  z.object({
    type: z.literal('Split'),
    pattern,
    behavior: z.literal('Isolated'),
    invert: z.boolean().default(false),
  }),
  z.object({
    type: z.literal('Split'),
    pattern,
    behavior: z.literal('Removed'),
    invert: z.literal(true),
  }),
  z.object({ type: z.literal('Digits'), individual_digits: z.boolean().default(false) }),
  z.object({
    type: z.literal('Metaspace'),
    replacement: z.literal(spaceMark),
    prepend_scheme: z.enum(['always', 'first', 'never']).optional(),
    add_prefix_space: z.boolean().optional(),
    split: z.boolean().default(true),
  }),
]);

export const postProcessorSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ByteLevel') }),
  z.object({
    type: z.literal('TemplateProcessing'),
    single: z.array(
      z.union([
        z.object({ SpecialToken: z.object({ id: z.string() }) }),
        z.object({ Sequence: z.object({ id: z.literal('A') }) }),
      ]),
    ),
    special_tokens: z.record(z.string(), z.object({ ids: z.array(tokenId) })),
  }),
]);

export const decoderSchema = z.discriminatedUnion('type', [
  z.object({ type: z.enum(['ByteLevel', 'ByteFallback', 'Fuse']) }),
  z.object({ type: z.literal('Replace'), pattern, content: z.string() }),
  z.object({
    type: z.literal('Strip'),
    content: z.string().regex(/^.$/u),
    start: z.int().min(0),
    stop: z.int().min(0),
  }),
]);
