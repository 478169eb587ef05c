import { EngineError } from '../errors.ts';
import { stockKeys, type ShapeKeys } from './layer-shapes.ts';
import { readLlamaConfig } from './llama-decoder.ts';
import type { ConfigReader } from './config-reader.ts';
import type { ModelConfig } from './family.ts';

/** Those of LLaMA; every query head has keys of its own. */
export const baichuanKeys: ShapeKeys = { ...stockKeys, kvHeads: null };

/**
 * The config of a Baichuan of the first generation.
 * @throws EngineError feature-unsupported for the second.
 */
export function readBaichuanConfig(config: ConfigReader, familyId: string, familyName: string): ModelConfig {
  refuseSecondGeneration(config);
  const details = { attentionBias: false, mlpBias: false, packed: true, ...paddingOf(config) };
  return readLlamaConfig(config, familyId, familyName, details, baichuanKeys);
}

/** The published code takes 0 where the key is absent; null is none. */
function paddingOf(config: ConfigReader): { readonly paddingId?: number } {
  const { pad_token_id: id = 0 } = config.source;
  if (id === null) return {};
  if (typeof id === 'number' && Number.isSafeInteger(id) && id >= 0) return { paddingId: id };
  throw config.invalid('pad_token_id', 'a whole number from 0 on, or null', id);
}

/** Baichuan 2 bears the same names, but divides each row of its head by the row's norm. */
function refuseSecondGeneration(config: ConfigReader): void {
  if (!config.has('z_loss_weight') && config.source.vocab_size !== 125696) return;
  throw new EngineError(
    'feature-unsupported',
    'config.json is of a Baichuan 2, whose head is normalised; known are Baichuan-7B and 13B of the first generation.',
    {},
    'Take baichuan-inc/Baichuan-7B or Baichuan-13B.',
  );
}
