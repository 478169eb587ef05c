/**
 * Makes the JavaScript tokenizers library (0.2.0) give the ids of the Rust one. Where the two differ, the definition is
 * rewritten in terms of steps in which they agree:
 *
 * - ByteLevel's own regular expression has JavaScript's \s (with U+FEFF, without U+0085): it becomes a Split, whose
 *   expressions the library translates.
 * - Digits knows ASCII digits only: it becomes a Split at \p{N}, which is Rust's `char::is_numeric`.
 * - Metaspace never splits, and takes a missing prepend_scheme for "always": both are written out.
 * - Split drops what its pattern does not match when `invert` is set, whatever its behavior: an isolated Split is the
 *   same inverted, so `invert` is left out of it.
 * - "$" in the content of a Replace would be read as a reference to a group.
 * - Around added tokens with lstrip or rstrip JavaScript's trim is used: the white space goes before, by `prepare`.
 */

import { EngineError } from '../errors.ts';
import { spaceMark } from './schema.ts';
import { readStages, type Stages } from './stages.ts';
import { strippingAround } from './strip-around-tokens.ts';
import {
  type TokenizerConfig,
  type TokenizerDefinition,
  type TokenizerFiles,
  invalid,
} from './tokenizer-files.ts';

/** GPT-2's cut into words, which ByteLevel makes by itself. */
const wordPattern = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/** Ids that surround a text when special tokens are asked for. */
export interface SurroundingIds {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

interface ExactDefinition {
  /** For the library's constructor; without a post-processor, whose work `surrounding` does. */
  readonly forLibrary: object;
  readonly surrounding: SurroundingIds;
  /** What a text goes through before the library encodes it. */
  readonly prepare: (text: string) => string;
  /** The highest id, added tokens included, plus one. */
  readonly vocabSize: number;
  readonly specialIds: ReadonlySet<number>;
}

/** Throws tokenizer-invalid, and feature-unsupported for what would give other ids than the Rust library. */
export function exactDefinition(files: TokenizerFiles): ExactDefinition {
  const { definition, config, path } = files;
  checkModel(definition.model, path);
  const stages = readStages(files);
  const addedTokens = allAddedTokens(definition, config);
  // The others are looked for after the normalizer.
  const isFoundInRawText = (token: AddedToken): boolean =>
    stages.normalizers.length === 0 || !(token.normalized ?? !token.special);
  if (addedTokens.some((token) => token.single_word))
    throw unsupported(path, 'an added token with single_word');
  return {
    forLibrary: {
      added_tokens: addedTokens.map((token) =>
        isFoundInRawText(token) ? { ...token, lstrip: false, rstrip: false } : token,
      ),
      normalizer: sequence('normalizers', stages.normalizers.map(withLiteralContent)),
      pre_tokenizer: sequence('pretokenizers', exactPreTokenizers(stages, definition.model)),
      post_processor: null,
      decoder: sequence('decoders', stages.decoders.map(withLiteralContent)),
      model: definition.model,
    },
    surrounding: surroundingIds(stages, path),
    prepare: strippingAround(addedTokens.filter(isFoundInRawText)),
    vocabSize: 1 + maxOf([...Object.values(definition.model.vocab), ...addedTokens.map((token) => token.id)]),
    specialIds: new Set(addedTokens.filter(({ special }) => special).map(({ id }) => id)),
  };
}

/** What the Rust library refuses, and what the JavaScript one passes over. */
function checkModel(model: TokenizerDefinition['model'], path: string): void {
  const { vocab, merges, unk_token: unknownToken } = model;
  if (model.dropout) throw unsupported(path, 'a model with dropout, whose ids are random');
  if (model.continuing_subword_prefix) throw unsupported(path, 'a model with continuing_subword_prefix');
  if (model.end_of_word_suffix) throw unsupported(path, 'a model with end_of_word_suffix');
  if (typeof unknownToken === 'string' && !Object.hasOwn(vocab, unknownToken)) {
    throw invalid(path, `the vocabulary lacks the unknown token ${JSON.stringify(unknownToken)}`);
  }
  for (const [index, [left, right]] of merges.entries()) {
    const absent = [left, right, left + right].find((token) => !Object.hasOwn(vocab, token));
    if (absent === undefined) continue;
    throw invalid(
      path,
      `merge ${index} needs the token ${JSON.stringify(absent)}, which the vocabulary lacks`,
    );
  }
}

type AddedToken = TokenizerDefinition['added_tokens'][number];

/**
 * transformers adds the tokens of tokenizer_config.json that tokenizer.json does not list. A named token that is in
 * neither would get an id past the model's embedding, so it stays unknown here.
 */
function allAddedTokens({ added_tokens, model }: TokenizerDefinition, config: TokenizerConfig): AddedToken[] {
  const tokens = new Map<string, AddedToken>(added_tokens.map((token) => [token.content, token]));
  for (const [id, token] of Object.entries(config.added_tokens_decoder)) {
    if (!tokens.has(token.content)) tokens.set(token.content, { ...token, id: Number(id) });
  }
  for (const content of [config.bos_token, config.eos_token, config.unk_token, config.pad_token]) {
    if (typeof content !== 'string' || tokens.has(content) || !Object.hasOwn(model.vocab, content)) continue;
    const id = model.vocab[content];
    if (id === undefined) continue;
    tokens.set(content, {
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    });
  }
  return [...tokens.values()];
}

function exactPreTokenizers({ preTokenizers }: Stages, model: TokenizerDefinition['model']): object[] {
  const exact = preTokenizers.flatMap((stage): object[] => {
    switch (stage.type) {
      case 'ByteLevel':
        return [
          ...(stage.add_prefix_space ? [spaceInFront] : []),
          ...(stage.use_regex ? [isolated(wordPattern)] : []),
          { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
        ];
      case 'Digits':
        return [isolated(stage.individual_digits ? String.raw`\p{N}` : String.raw`\p{N}+`)];
      case 'Metaspace': {
        const { replacement, add_prefix_space, prepend_scheme } = stage;
        const scheme = prepend_scheme ?? (add_prefix_space === false ? 'never' : 'always');
        return [
          { type: 'Metaspace', replacement, prepend_scheme: scheme },
          ...(stage.split ? [isolated(`${spaceMark}[^${spaceMark}]*`)] : []),
        ];
      }
      case 'Split':
        return [stage.behavior === 'Isolated' ? { ...stage, invert: false } : stage];
    }
  });
  const isWhole = preTokenizers.every((stage) => stage.type === 'Metaspace' && !stage.split);
  return isWhole && mayCutAtSpaceMarks(model) ? [...exact, isolated(`${spaceMark}+[^${spaceMark}]*`)] : exact;
}

/** What ByteLevel's add_prefix_space does to each piece: a space in front, unless it begins with one. */
const spaceInFront = { type: 'Metaspace', replacement: ' ', prepend_scheme: 'always' };

function isolated(regex: string): object {
  return { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false };
}

/**
 * SentencePiece-like definitions have the whole text as one word, in which every merge must be looked for. Cutting it
 * before each run of space marks changes no id if no merge joins a token that ends in another character with one that
 * begins with the mark: then no merge ever reaches over a cut, and the two sides are merged independently of each
 * other. The mark must be a token itself, lest an unknown token be fused over the cut; and with `ignore_merges` the
 * whole word would be looked up first.
 */
function mayCutAtSpaceMarks({ vocab, merges, ignore_merges }: TokenizerDefinition['model']): boolean {
  if (ignore_merges || !Object.hasOwn(vocab, spaceMark)) return false;
  return !merges.some(([left, right]) => right.startsWith(spaceMark) && !left.endsWith(spaceMark));
}

/** What the template puts before and after a text; transformers passes over add_bos_token where there is a tokenizer.json. */
function surroundingIds({ postProcessors }: Stages, path: string): SurroundingIds {
  const template = postProcessors.find((stage) => stage.type === 'TemplateProcessing');
  if (template === undefined) return { before: [], after: [] };
  const textAt = template.single.findIndex((item) => 'Sequence' in item);
  if (textAt < 0) throw invalid(path, 'the template of its post_processor has no place for the text');
  const idsOf = (items: typeof template.single): number[] =>
    items.flatMap((item) => {
      if (!('SpecialToken' in item)) return [];
      const special = template.special_tokens[item.SpecialToken.id];
      if (special !== undefined) return special.ids;
      throw invalid(path, `the template of its post_processor lacks ${JSON.stringify(item.SpecialToken.id)}`);
    });
  return { before: idsOf(template.single.slice(0, textAt)), after: idsOf(template.single.slice(textAt)) };
}

function withLiteralContent(stage: Stages['normalizers'][number] | Stages['decoders'][number]): object {
  return stage.type === 'Replace' ? { ...stage, content: stage.content.replaceAll('$', '$$$$') } : stage;
}

function sequence(listKey: string, stages: readonly object[]): object | null {
  return stages.length === 0 ? null : { type: 'Sequence', [listKey]: stages };
}

function maxOf(ids: readonly number[]): number {
  return ids.reduce((highest, id) => Math.max(highest, id), -1);
}

function unsupported(path: string, feature: string): EngineError {
  return new EngineError(
    'feature-unsupported',
    `${path} has ${feature}, which is not supported`,
    { path, feature },
    'Byte-level and SentencePiece byte-pair tokenizers are supported; use a model that has one.',
  );
}
