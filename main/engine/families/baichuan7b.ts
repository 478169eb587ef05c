import { baichuanKeys, readBaichuanConfig } from './baichuan-kind.ts';
import { ConfigReader } from './config-reader.ts';
import { defineFamily } from './family.ts';
import { writeFixedHeadConfig } from './layer-shapes.ts';
import { llamaDecoder } from './llama-decoder.ts';

/** Baichuan-7B: LLaMA's decoder with queries, keys and values in one weight, W_pack. */
export const baichuan7b = defineFamily({
  id: 'baichuan-7b',
  architectures: ['BaiChuanForCausalLM', 'BaichuanForCausalLM'],
  recognises: (source) => !('model_max_length' in source),
  ...llamaDecoder,

  readConfig(source) {
    return readBaichuanConfig(new ConfigReader(source), 'baichuan-7b', 'Baichuan-7B');
  },

  writeConfig: (config, shape) =>
    writeFixedHeadConfig(
      config,
      shape,
      {},
      'transformers with the modeling file of Baichuan-7B (trust_remote_code)',
      baichuanKeys,
    ),

  groupRoots: () => ({ attention: 'self_attn.W_pack.weight', mlp: 'mlp.gate_proj.weight' }),
});
