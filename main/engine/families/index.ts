import { EngineError } from '../errors.ts';
import { ConfigReader, isRecord } from './config-reader.ts';
import { baichuan13b } from './baichuan13b.ts';
import { baichuan7b } from './baichuan7b.ts';
import { bloom } from './bloom.ts';
import { chatglm } from './chatglm.ts';
import { chatglm2 } from './chatglm2.ts';
import type { Family, ModelConfig } from './family.ts';
import { llama } from './llama.ts';
import { mistral } from './mistral.ts';
import { qwen2 } from './qwen2.ts';
import { qwen3 } from './qwen3.ts';

/** Every architecture that the studio knows. */
export const families: readonly Family[] = [
  llama,
  mistral,
  qwen2,
  qwen3,
  baichuan7b,
  baichuan13b,
  bloom,
  chatglm,
  chatglm2,
];

/**
 * The family and the meaning of a config.json's content.
 * @throws EngineError architecture-unknown, config-invalid, feature-unsupported.
 */
export function readModelConfig(source: unknown): { family: Family; config: ModelConfig } {
  if (!isRecord(source)) throw new ConfigReader({}).invalid('(the whole file)', 'an object', source);
  const family = familyOf(source);
  return { family, config: family.readConfig(source) };
}

/**
 * The family that reads a config, by its `architectures`.
 * @throws EngineError architecture-unknown, naming what is known.
 */
function familyOf(source: Readonly<Record<string, unknown>>): Family {
  const named = Array.isArray(source.architectures)
    ? source.architectures.filter((a) => typeof a === 'string')
    : [];
  const family = families.find(
    (candidate) =>
      named.some((name) => candidate.architectures.includes(name)) &&
      (candidate.recognises?.(source) ?? true),
  );
  if (family) return family;
  const known = [...new Set(families.flatMap(({ architectures }) => architectures))];
  const found =
    named.length > 0 ? named.join(', ') : `none (model_type: ${JSON.stringify(source.model_type) ?? 'none'})`;
  const isKnown = named.some((name) => known.includes(name));
  throw new EngineError(
    'architecture-unknown',
    isKnown
      ? `config.json names the architecture ${found}, but its other keys are those of no family that goes by this name.`
      : `config.json names the architecture ${found}; known are ${known.join(', ')}.`,
    { found, known },
    'Choose a model of a known family.',
  );
}
