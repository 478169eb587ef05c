import { EngineError } from '../errors.ts';
import type { GraphBuilder, Value } from '../ir/graph.ts';
import { add, mergeHeads, rowMaskedAttention, rowRotary, scale, splitQkvPerHead } from '../ops/index.ts';
import { fromFloat32, toFloat32 } from '../tensor/half.ts';
import { prefixInputs } from './chatglm-prefix.ts';
import { ConfigReader } from './config-reader.ts';
import {
  centredNorm,
  embedTokens,
  geluMlp,
  headDimOf,
  project,
  projectToVocabulary,
  refusePrefixEncoder,
  refuseQuantised,
  requireFlags,
} from './decoder-parts.ts';
import { defineFamily, type LayerShape, type ModelConfig } from './family.ts';
import { readLayerShapes, writeFixedHeadConfig, type ShapeKeys } from './layer-shapes.ts';
import { rotaryFrequencies } from './rotary-frequencies.ts';

const keys: ShapeKeys = {
  layers: 'num_layers',
  heads: 'num_attention_heads',
  kvHeads: null,
  mlpWidth: 'inner_hidden_size',
};

/**
 * What the normed input of a block counts in its residual: √(2·28) at any depth, since the published blocks are never told
 * how many of them there are.
 */
const residualScale = Math.sqrt(2 * 28);

/**
 * ChatGLM-6B: a prefix that sees itself, positions in two dimensions, residuals of the normed input, queries, keys and
 * values fused head by head (docs/method.md).
 */
export const chatglm = defineFamily({
  id: 'chatglm',
  architectures: ['ChatGLMModel', 'ChatGLMForConditionalGeneration'],
  // ChatGLM2 and 3 have the same architecture and model_type.
  recognises: (source) => !('padded_vocab_size' in source),
  readsTokens: true,

  readConfig(source) {
    const config = new ConfigReader(source);
    refuseQuantised(config);
    refusePrefixEncoder(config);
    refuseFirstRelease(config);
    requireFlags(config, 'ChatGLM-6B', { position_encoding_2d: true });
    const hiddenSize = config.count('hidden_size');
    const headDim = headDimOf(config, 'head_dim', hiddenSize, config.count(keys.heads), 4);
    return {
      familyId: 'chatglm',
      vocabSize: config.count('vocab_size'),
      hiddenSize,
      headDim,
      layers: readLayerShapes(config, keys),
      maxPositions: config.count('max_sequence_length', 2048),
      tiedEmbeddings: config.flag('tie_word_embeddings', true),
      details: {
        eps: config.positive('layernorm_epsilon', 1e-5),
        startId: config.count('bos_token_id'),
        maskId: config.count('mask_token_id'),
        gmaskId: config.count('gmask_token_id'),
      },
      rotaryFrequencies: roundedToHalf(rotaryFrequencies(new ConfigReader({}), headDim / 2)),
      source,
    };
  },

  writeConfig: (config, shape) =>
    writeFixedHeadConfig(
      config,
      shape,
      { tie_word_embeddings: config.tiedEmbeddings },
      'transformers with the modeling file of ChatGLM-6B (trust_remote_code)',
      keys,
    ),

  separateHead: { embedding: 'transformer.word_embeddings.weight', head: 'lm_head.weight' },

  embed: (g, config) => embedTokens(g, config, 'transformer.word_embeddings.weight'),

  layerPrefix: (layer) => `transformer.layers.${layer}.`,

  block(g, config, shape, x) {
    const normed = centredNorm(g, config, 'input_layernorm', x);
    const mid = g.apply(add, { a: scaled(g, normed), b: selfAttention(g, config, shape, normed) }).y;
    const after = centredNorm(g, config, 'post_attention_layernorm', mid);
    return g.apply(add, { a: scaled(g, after), b: geluMlp(g, config, shape, after) }).y;
  },

  head(g, config, x) {
    const name = config.tiedEmbeddings ? 'transformer.word_embeddings.weight' : 'lm_head.weight';
    return projectToVocabulary(g, config, name, centredNorm(g, config, 'transformer.final_layernorm', x));
  },

  sideInputs: prefixInputs,

  groupRoots: () => ({ attention: 'attention.query_key_value.weight', mlp: 'mlp.dense_h_to_4h.weight' }),

  // Element-wise scores fail on it (arXiv 2305.11627, ChatGLM).
  defaultCriterion: 'taylor-vector',

  publishedCacheBytes: () => 0,
});

/** It has 20,000 ids for images in front of its pieces, and its config does not say where [MASK] and [gMASK] are. */
const firstReleaseVocabulary = 150528;

function refuseFirstRelease(config: ConfigReader): void {
  if (config.source.vocab_size !== firstReleaseVocabulary || config.has('gmask_token_id')) return;
  throw new EngineError(
    'feature-unsupported',
    `config.json is of the first release of ChatGLM-6B (${firstReleaseVocabulary} ids); known are later ones, of 130528 ids.`,
    { vocab_size: firstReleaseVocabulary },
    'Take a later release of the same model.',
  );
}

const scaled = (g: GraphBuilder, x: Value): Value => g.apply(scale, { x }, { factor: residualScale }).y;

/** The published model keeps its frequencies in half precision, whatever its weights are in. */
const roundedToHalf = (frequencies: Float32Array): Float32Array =>
  toFloat32(fromFloat32(frequencies, 'F16'), 'F16');

function selfAttention(g: GraphBuilder, config: ModelConfig, { heads }: LayerShape, x: Value): Value {
  const { headDim, hiddenSize } = config;
  const angles = ['batch', 'sequence', 2, headDim / 4] as const;
  const cos = g.input('cos', 'float', angles);
  const sin = g.input('sin', 'float', angles);
  const mask = g.input('mask', 'float', ['batch', 'sequence', 'sequence']);
  const fused = project(g, 'attention.query_key_value', x, [3 * heads * headDim, hiddenSize], true);
  const { q, k, v } = g.apply(splitQkvPerHead, { x: fused }, { headDim });
  const positioned = (part: Value): Value => g.apply(rowRotary, { x: part, cos, sin }).y;
  const attended = g.apply(rowMaskedAttention, { q: positioned(q), k: positioned(k), v, mask }).y;
  const mixed = g.apply(mergeHeads, { x: attended }).y;
  return project(g, 'attention.dense', mixed, [hiddenSize, heads * headDim], true);
}
