import { join } from 'node:path';
import { z } from 'zod';
import { readJsonFile } from '../checkpoint/read-json.ts';
import { EngineError } from '../errors.ts';

/** It has a dozen keys. */
const maxConfigBytes = 2 ** 20;

const tokenIds = z
  .union([z.int().min(0), z.array(z.int().min(0)).max(1000)])
  .nullish()
  .transform((ids) => (typeof ids === 'number' ? [ids] : (ids ?? [])));

const schema = z.looseObject({ eos_token_id: tokenIds });

/**
 * Ids that end a text: of generation_config.json where it names some, else of config.json.
 * @throws EngineError config-invalid for another form.
 */
export async function readEndTokens(
  folder: string,
  config: Readonly<Record<string, unknown>>,
): Promise<ReadonlySet<number>> {
  const path = join(folder, 'generation_config.json');
  const json = await readJsonFile(path, { maxBytes: maxConfigBytes }).catch((error: unknown) => {
    if (error instanceof EngineError && error.code === 'file-missing') return {};
    throw error;
  });
  const ofGeneration = idsIn(json, path);
  return new Set(ofGeneration.length > 0 ? ofGeneration : idsIn(config, join(folder, 'config.json')));
}

function idsIn(json: unknown, path: string): number[] {
  const checked = schema.safeParse(json);
  if (checked.success) return checked.data.eos_token_id;
  throw new EngineError(
    'config-invalid',
    `${path}: "eos_token_id" should be a token id, or a list of them.`,
    { path },
    'Correct the file, or get it again from where the model came.',
  );
}
