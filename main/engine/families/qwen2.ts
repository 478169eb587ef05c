import { ConfigReader } from './config-reader.ts';
import { requireFlags } from './decoder-parts.ts';
import { defineFamily } from './family.ts';
import { writeStockConfig } from './layer-shapes.ts';
import { llamaDecoder, readLlamaConfig } from './llama-decoder.ts';

/** Qwen2 and 2.5: LLaMA's decoder with biases of q, k and v. */
export const qwen2 = defineFamily({
  id: 'qwen2',
  architectures: ['Qwen2ForCausalLM'],
  ...llamaDecoder,

  readConfig(source) {
    const config = new ConfigReader(source);
    requireFlags(config, 'Qwen2', { use_sliding_window: false });
    return readLlamaConfig(config, 'qwen2', 'Qwen2', { attentionBias: false, mlpBias: false, qkvBias: true });
  },

  writeConfig: (config, shape) =>
    writeStockConfig(config, shape, { head_dim: config.headDim }, 'transformers (Qwen2ForCausalLM)'),
});
