import type { GraphBuilder, Value } from '../ir/graph.ts';
import { add, alibiAttention, mergeHeads, splitQkvPerHead } from '../ops/index.ts';
import { attentionMask } from './attention-mask.ts';
import { keyPositions, readHeadOrigins, slopesOf, writeAlibiConfig } from './alibi.ts';
import { ConfigReader } from './config-reader.ts';
import {
  centredNorm,
  embedTokens,
  geluMlp,
  headDimOf,
  project,
  projectToVocabulary,
  refuseQuantised,
} from './decoder-parts.ts';
import { defineFamily, type LayerShape, type ModelConfig } from './family.ts';
import { readLayerShapes, type ShapeKeys } from './layer-shapes.ts';

const keys: ShapeKeys = { layers: 'n_layer', heads: 'n_head', kvHeads: null, mlpWidth: 'intermediate_size' };

/** BLOOM: LayerNorms, ALiBi, a GELU MLP, queries, keys and values fused head by head (docs/method.md). */
export const bloom = defineFamily({
  id: 'bloom',
  architectures: ['BloomForCausalLM', 'BloomModel'],

  readConfig(source) {
    const config = new ConfigReader(withOwnNames(source));
    refuseQuantised(config);
    const hiddenSize = config.count('hidden_size');
    const layers = readLayerShapes(config, keys);
    return {
      familyId: 'bloom',
      vocabSize: config.count('vocab_size'),
      hiddenSize,
      headDim: headDimOf(config, 'head_dim', hiddenSize, config.count('n_head'), 1),
      layers,
      // ALiBi has no last position; the models were trained on so many.
      maxPositions: config.count('seq_length', 2048),
      tiedEmbeddings: config.flag('tie_word_embeddings', true),
      details: {
        eps: config.positive('layer_norm_epsilon', 1e-5),
        normedResidual: config.flag('apply_residual_connection_post_layernorm', false),
      },
      rotaryFrequencies: new Float32Array(),
      headOrigins: readHeadOrigins(config, layers),
      source,
    };
  },

  writeConfig: (config, shape) =>
    writeAlibiConfig(
      { ...config, source: withOwnNames(config.source) },
      shape,
      'transformers (BloomForCausalLM)',
      keys,
      ({ mlpWidth }) =>
        mlpWidth === 4 * shape.hiddenSize
          ? null
          : "refuses it: it takes a BLOOM's MLP to be four times as wide as its hidden size",
    ),

  storedNames: (name) => [name.replace(/^transformer\./, '')],

  embed(g, config) {
    const embedded = embedTokens(g, config, embeddingName);
    return centredNorm(g, config, 'transformer.word_embeddings_layernorm', embedded);
  },

  layerPrefix: (layer) => `transformer.h.${layer}.`,

  block(g, config, shape, x) {
    const normed = centredNorm(g, config, 'input_layernorm', x);
    const isNormed = config.details.normedResidual === true;
    const attended = selfAttention(g, config, shape, normed);
    const mid = g.apply(add, { a: isNormed ? normed : x, b: attended }).y;
    const after = centredNorm(g, config, 'post_attention_layernorm', mid);
    return g.apply(add, { a: isNormed ? after : mid, b: geluMlp(g, config, shape, after) }).y;
  },

  head(g, config, x) {
    const name = config.tiedEmbeddings ? embeddingName : 'lm_head.weight';
    return projectToVocabulary(g, config, name, centredNorm(g, config, 'transformer.ln_f', x));
  },

  sideInputs: (_config, positions) => ({
    mask: attentionMask(positions),
    positions: keyPositions(positions),
  }),

  layerInputs: (config, layer) => ({ slopes: slopesOf(config, layer) }),

  groupRoots: () => ({
    attention: 'self_attention.query_key_value.weight',
    mlp: 'mlp.dense_h_to_4h.weight',
  }),

  publishedCacheBytes: () => 0,
});

const embeddingName = 'transformer.word_embeddings.weight';

/** Older configs have other names for the same; the MLP's width is four times the hidden size unless it was pruned. */
function withOwnNames(source: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { n_embed: embedded, num_hidden_layers: layers, num_attention_heads: heads, ...rest } = source;
  const hidden = rest.hidden_size ?? embedded;
  return {
    ...rest,
    hidden_size: hidden,
    n_layer: rest.n_layer ?? layers,
    n_head: rest.n_head ?? heads,
    intermediate_size: rest.intermediate_size ?? (typeof hidden === 'number' ? 4 * hidden : undefined),
  };
}

function selfAttention(g: GraphBuilder, config: ModelConfig, { heads }: LayerShape, x: Value): Value {
  const { headDim, hiddenSize } = config;
  const inputs = {
    mask: g.input('mask', 'float', ['sequence', 'sequence']),
    positions: g.input('positions', 'float', [1, 'sequence']),
    slopes: g.scopedInput('slopes', 'float', [heads, 1]),
  };
  const rows = 3 * heads * headDim;
  const fused = project(g, 'self_attention.query_key_value', x, [rows, hiddenSize], true);
  const { q, k, v } = g.apply(splitQkvPerHead, { x: fused }, { headDim });
  const mixed = g.apply(mergeHeads, { x: g.apply(alibiAttention, { q, k, v, ...inputs }).y }).y;
  return project(g, 'self_attention.dense', mixed, [hiddenSize, heads * headDim], true);
}
