import type { GraphBuilder, Value } from '../ir/graph.ts';
import { alibiAttention, mergeHeads } from '../ops/index.ts';
import { attentionMask } from './attention-mask.ts';
import { keyPositions, readHeadOrigins, slopesOf, writeAlibiConfig } from './alibi.ts';
import { baichuanKeys, readBaichuanConfig } from './baichuan-kind.ts';
import { ConfigReader } from './config-reader.ts';
import { preNormBlock, project, swiGlu } from './decoder-parts.ts';
import { defineFamily, type LayerShape, type ModelConfig } from './family.ts';
import { llamaDecoder, packedHeads } from './llama-decoder.ts';

/** Baichuan-13B: as Baichuan-7B, with ALiBi in place of rotary positions. */
export const baichuan13b = defineFamily({
  id: 'baichuan-13b',
  architectures: ['BaichuanForCausalLM'],
  recognises: (source) => 'model_max_length' in source,
  ...llamaDecoder,

  readConfig(source) {
    const config = new ConfigReader(source);
    const read = readBaichuanConfig(config, 'baichuan-13b', 'Baichuan-13B');
    return {
      ...read,
      maxPositions: config.count('model_max_length', 4096),
      rotaryFrequencies: new Float32Array(),
      headOrigins: readHeadOrigins(config, read.layers),
    };
  },

  writeConfig: (config, shape) =>
    writeAlibiConfig(
      config,
      shape,
      'transformers with the modeling file of Baichuan-13B (trust_remote_code)',
      baichuanKeys,
    ),

  block: preNormBlock(selfAttention, swiGlu),

  sideInputs: (_config, positions) => ({
    mask: attentionMask(positions),
    positions: keyPositions(positions),
  }),

  layerInputs: (config, layer) => ({ slopes: slopesOf(config, layer) }),

  groupRoots: () => ({ attention: 'self_attn.W_pack.weight', mlp: 'mlp.gate_proj.weight' }),

  publishedCacheBytes: () => 0,
});

function selfAttention(g: GraphBuilder, config: ModelConfig, shape: LayerShape, x: Value): Value {
  const inputs = {
    mask: g.input('mask', 'float', ['sequence', 'sequence']),
    positions: g.input('positions', 'float', [1, 'sequence']),
    slopes: g.scopedInput('slopes', 'float', [shape.heads, 1]),
  };
  const heads = packedHeads(g, config, shape, x);
  const mixed = g.apply(mergeHeads, { x: g.apply(alibiAttention, { ...heads, ...inputs }).y }).y;
  const width = shape.heads * config.headDim;
  return project(g, 'self_attn.o_proj', mixed, [config.hiddenSize, width], false);
}
