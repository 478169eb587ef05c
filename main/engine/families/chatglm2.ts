import { EngineError } from '../errors.ts';
import type { GraphBuilder, Value } from '../ir/graph.ts';
import {
  attention,
  mergeHeads,
  multiply,
  rotaryInterleaved,
  silu,
  splitGate,
  splitHeads,
  splitQkv,
} from '../ops/index.ts';
import { attentionMask } from './attention-mask.ts';
import { ConfigReader } from './config-reader.ts';
import {
  embedTokens,
  headDimOf,
  preNormBlock,
  project,
  projectToVocabulary,
  refusePrefixEncoder,
  refuseQuantised,
  requireFlags,
  rootMeanSquareNorm,
} from './decoder-parts.ts';
import { defineFamily, type LayerShape, type ModelConfig } from './family.ts';
import { readLayerShapes, writeStockConfig, type ShapeKeys } from './layer-shapes.ts';
import { rotaryFrequencies, rotaryTables } from './rotary-frequencies.ts';

const keys: ShapeKeys = {
  layers: 'num_layers',
  heads: 'num_attention_heads',
  kvHeads: 'multi_query_group_num',
  mlpWidth: 'ffn_hidden_size',
};

/** ChatGLM2-6B and ChatGLM3-6B: multi-query attention and a gated MLP, each with one fused weight (docs/method.md). */
export const chatglm2 = defineFamily({
  id: 'chatglm2',
  architectures: ['ChatGLMModel', 'ChatGLMForConditionalGeneration'],
  // ChatGLM-6B has the same architecture and model_type.
  recognises: (source) => 'padded_vocab_size' in source,

  readConfig(source) {
    const config = new ConfigReader(source);
    refuseQuantised(config);
    refusePrefixEncoder(config);
    requireFlags(config, 'ChatGLM2 and 3', {
      rmsnorm: true,
      post_layer_norm: true,
      multi_query_attention: true,
      apply_residual_connection_post_layernorm: false,
      original_rope: true,
    });
    refuseLongContext(config);
    const hiddenSize = config.count('hidden_size');
    const headDim = headDimOf(config, 'kv_channels', hiddenSize, config.count(keys.heads), 4);
    return {
      familyId: 'chatglm2',
      vocabSize: config.count('padded_vocab_size'),
      hiddenSize,
      headDim,
      layers: readLayerShapes(config, keys),
      maxPositions: config.count('seq_length', 2048),
      tiedEmbeddings: config.flag('tie_word_embeddings', false),
      details: {
        eps: config.positive('layernorm_epsilon', 1e-5),
        qkvBias: config.flag('add_qkv_bias', false) || config.flag('add_bias_linear', false),
        linearBias: config.flag('add_bias_linear', false),
      },
      rotaryFrequencies: rotaryFrequencies(new ConfigReader({}), headDim / 2),
      source,
    };
  },

  writeConfig: (config, shape) =>
    writeStockConfig(
      config,
      shape,
      { kv_channels: config.headDim },
      'transformers with the modeling file of ChatGLM2 or 3 (trust_remote_code)',
      keys,
    ),

  embed: (g, config) => embedTokens(g, config, embeddingName),

  layerPrefix: (layer) => `transformer.encoder.layers.${layer}.`,

  block: preNormBlock(selfAttention, gatedMlp),

  head(g, config, x) {
    const name = config.tiedEmbeddings ? embeddingName : 'transformer.output_layer.weight';
    const normed = rootMeanSquareNorm(g, config, 'transformer.encoder.final_layernorm', x);
    return projectToVocabulary(g, config, name, normed);
  },

  sideInputs: (config, positions) => ({
    ...rotaryTables(config.rotaryFrequencies, positions),
    mask: attentionMask(positions),
  }),

  groupRoots: () => ({
    attention: 'self_attention.query_key_value.weight',
    mlp: 'mlp.dense_h_to_4h.weight',
  }),

  publishedCacheBytes: () => 0,
});

const embeddingName = 'transformer.embedding.word_embeddings.weight';

function selfAttention(g: GraphBuilder, config: ModelConfig, shape: LayerShape, x: Value): Value {
  const { headDim, hiddenSize, details } = config;
  const cos = g.input('cos', 'float', ['sequence', headDim / 4]);
  const sin = g.input('sin', 'float', ['sequence', headDim / 4]);
  const mask = g.input('mask', 'float', ['sequence', 'sequence']);
  const widths = { q: shape.heads * headDim, k: shape.kvHeads * headDim, v: shape.kvHeads * headDim };
  const rows = widths.q + widths.k + widths.v;
  const fused = project(g, 'self_attention.query_key_value', x, [rows, hiddenSize], details.qkvBias === true);
  const parts = g.apply(splitQkv, { x: fused }, widths);
  const byHead = (part: Value): Value => g.apply(splitHeads, { x: part }, { headDim }).y;
  const positioned = (part: Value): Value => g.apply(rotaryInterleaved, { x: byHead(part), cos, sin }).y;
  const heads = { q: positioned(parts.q), k: positioned(parts.k), v: byHead(parts.v) };
  const mixed = g.apply(mergeHeads, { x: g.apply(attention, { ...heads, mask }).y }).y;
  return project(g, 'self_attention.dense', mixed, [hiddenSize, widths.q], details.linearBias === true);
}

function gatedMlp(g: GraphBuilder, config: ModelConfig, { mlpWidth }: LayerShape, x: Value): Value {
  const { hiddenSize, details } = config;
  const biased = details.linearBias === true;
  const fused = project(g, 'mlp.dense_h_to_4h', x, [2 * mlpWidth, hiddenSize], biased);
  const { gate, up } = g.apply(splitGate, { x: fused }, { width: mlpWidth });
  const gated = g.apply(multiply, { a: g.apply(silu, { x: gate }).y, b: up }).y;
  return project(g, 'mlp.dense_4h_to_h', gated, [hiddenSize, mlpWidth], biased);
}

/** The 32k variants stretch positions by rules of their own. */
function refuseLongContext(config: ConfigReader): void {
  const ratio = config.positive('rope_ratio', 1);
  if (ratio === 1) return;
  throw new EngineError(
    'feature-unsupported',
    `config.json: "rope_ratio" is ${ratio}; of ChatGLM2 and 3 only 1 is supported.`,
    { rope_ratio: ratio },
    'Take the model without the long context.',
  );
}
