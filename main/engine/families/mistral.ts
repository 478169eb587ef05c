import { ConfigReader } from './config-reader.ts';
import { defineFamily } from './family.ts';
import { writeStockConfig } from './layer-shapes.ts';
import { llamaDecoder, readLlamaConfig } from './llama-decoder.ts';

/** Mistral 7B: LLaMA's decoder without biases, whose positions see at most `sliding_window` keys back. */
export const mistral = defineFamily({
  id: 'mistral',
  architectures: ['MistralForCausalLM'],
  ...llamaDecoder,

  readConfig(source) {
    const config = new ConfigReader(source);
    const details = { attentionBias: false, mlpBias: false, slidingWindow: slidingWindow(config) };
    return readLlamaConfig(config, 'mistral', 'Mistral', details);
  },

  writeConfig: (config, shape) =>
    writeStockConfig(config, shape, { head_dim: config.headDim }, 'transformers (MistralForCausalLM)'),
});

/**
 * How many keys a position sees, itself counted: `sliding_window`; 0, all of them, where it is null. transformers gives a
 * Mistral without the key a window of 4096.
 */
function slidingWindow(config: ConfigReader): number {
  if (config.source.sliding_window === undefined) return 4096;
  return config.has('sliding_window') ? config.count('sliding_window') : 0;
}
