import { ConfigReader } from './config-reader.ts';
import { requireFlags } from './decoder-parts.ts';
import { defineFamily } from './family.ts';
import { writeStockConfig } from './layer-shapes.ts';
import { llamaDecoder, readLlamaConfig } from './llama-decoder.ts';

/** Qwen3: LLaMA's decoder with an RMSNorm over the dimensions of each query and key head. */
export const qwen3 = defineFamily({
  id: 'qwen3',
  architectures: ['Qwen3ForCausalLM'],
  ...llamaDecoder,

  readConfig(source) {
    const config = new ConfigReader(source);
    requireFlags(config, 'Qwen3', { use_sliding_window: false });
    const attentionBias = config.flag('attention_bias', false);
    // transformers gives a Qwen3 without the key a head of 128, whatever its hidden size.
    const whole = config.has('head_dim') ? config : new ConfigReader({ ...source, head_dim: 128 });
    const read = readLlamaConfig(whole, 'qwen3', 'Qwen3', { attentionBias, mlpBias: false, qkNorm: true });
    return { ...read, source };
  },

  writeConfig: (config, shape) =>
    writeStockConfig(config, shape, { head_dim: config.headDim }, 'transformers (Qwen3ForCausalLM)'),
});
