import { baichuanKeys, refuseSecondGeneration } from './baichuan-kind.ts';
import { ConfigReader } from './config-reader.ts';
import { defineFamily } from './family.ts';
import { writeFixedHeadConfig } from './layer-shapes.ts';
import { llamaDecoder, readLlamaConfig } from './llama-decoder.ts';

/** Baichuan-7B: LLaMA's decoder with queries, keys and values in one weight, W_pack. */
export const baichuan7b = defineFamily({
  id: 'baichuan-7b',
  architectures: ['BaiChuanForCausalLM', 'BaichuanForCausalLM'],
  recognises: (source) => !('model_max_length' in source),
  ...llamaDecoder,

  readConfig(source) {
    const config = new ConfigReader(source);
    refuseSecondGeneration(config);
    const paddingId = config.source.pad_token_id === undefined ? 0 : Number(config.source.pad_token_id);
    const details = { attentionBias: false, mlpBias: false, packed: true, paddingId };
    return readLlamaConfig(config, 'baichuan-7b', 'Baichuan-7B', details, baichuanKeys);
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
