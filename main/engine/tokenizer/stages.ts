import { z } from 'zod';
import { EngineError } from '../errors.ts';
import { decoderSchema, normalizerSchema, postProcessorSchema, preTokenizerSchema } from './schema.ts';
import { type TokenizerFiles, invalid } from './tokenizer-files.ts';

/** Published files nest sequences two levels deep; a made-up file must not exhaust the stack. */
const maxDepth = 16;

/** Each step in order, sequences laid flat. */
export interface Stages {
  readonly normalizers: readonly z.output<typeof normalizerSchema>[];
  readonly preTokenizers: readonly z.output<typeof preTokenizerSchema>[];
  readonly postProcessors: readonly z.output<typeof postProcessorSchema>[];
  readonly decoders: readonly z.output<typeof decoderSchema>[];
}

/** Throws feature-unsupported for a step that is not known to give what the Rust library gives. */
export function readStages({ path, definition }: TokenizerFiles): Stages {
  return {
    normalizers: flatten(definition.normalizer, 'normalizers').map(
      parser(normalizerSchema, 'normalizer', path),
    ),
    preTokenizers: flatten(definition.pre_tokenizer, 'pretokenizers').map(
      parser(preTokenizerSchema, 'pre_tokenizer', path),
    ),
    postProcessors: flatten(definition.post_processor, 'processors').map(
      parser(postProcessorSchema, 'post_processor', path),
    ),
    decoders: flatten(definition.decoder, 'decoders').map(parser(decoderSchema, 'decoder', path)),
  };

  function flatten(stage: unknown, listKey: string, depth = 0): unknown[] {
    if (stage === null || stage === undefined) return [];
    if (depth > maxDepth) throw invalid(path, `its ${listKey} are nested deeper than ${maxDepth} levels`);
    const sequence = z
      .object({ type: z.literal('Sequence'), [listKey]: z.array(z.unknown()) })
      .safeParse(stage);
    if (!sequence.success) return [stage];
    const parts = sequence.data[listKey];
    return Array.isArray(parts) ? parts.flatMap((part) => flatten(part, listKey, depth + 1)) : [];
  }
}

function parser<T extends z.ZodType>(schema: T, role: string, path: string): (stage: unknown) => z.output<T> {
  return (stage) => {
    const result = schema.safeParse(stage);
    if (result.success) return result.data;
    const found = JSON.stringify(stage).slice(0, 160);
    throw new EngineError(
      'feature-unsupported',
      `${path}: this ${role} is not supported: ${found}`,
      { path, role, found },
      'Byte-level and SentencePiece byte-pair tokenizers are supported; use a model that has one.',
    );
  };
}
