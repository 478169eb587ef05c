import { EngineError } from '../errors.ts';
import type { Family } from './family.ts';
import { llama } from './llama.ts';

/** Every architecture that the studio knows. */
export const families: readonly Family[] = [llama];

/**
 * The family that reads a config, by its `architectures`.
 * @throws EngineError architecture-unknown, naming what is known.
 */
export function familyOf(source: Readonly<Record<string, unknown>>): Family {
  const named = Array.isArray(source.architectures) ? source.architectures.filter((a) => typeof a === 'string') : [];
  const family = families.find(({ architectures }) => named.some((name) => architectures.includes(name)));
  if (family) return family;
  const known = families.flatMap(({ architectures }) => architectures);
  const found = named.length > 0 ? named.join(', ') : `none (model_type: ${JSON.stringify(source.model_type) ?? 'none'})`;
  throw new EngineError(
    'architecture-unknown',
    `config.json names the architecture ${found}; known are ${known.join(', ')}.`,
    { found, known },
    'Choose a model of a known family.',
  );
}
