import type { GraphBuilder, Value } from '../ir/graph.ts';
import { attention, mergeHeads, rotary, splitHeads, splitQkv } from '../ops/index.ts';
import { attentionMask } from './attention-mask.ts';
import type { ConfigReader } from './config-reader.ts';
import {
  embedTokens,
  headDimOf,
  preNormBlock,
  project,
  projectToVocabulary,
  refuseQuantised,
  requireActivation,
  rootMeanSquareNorm,
  swiGlu,
} from './decoder-parts.ts';
import type { Family, LayerShape, ModelConfig } from './family.ts';
import { readLayerShapes, stockKeys } from './layer-shapes.ts';
import { rotaryFrequencies, rotaryTables } from './rotary-frequencies.ts';

/** What sets the relatives of LLaMA apart, as `details` of their configs. */
export interface LlamaDetails {
  /** Biases of q, k, v and o. */
  readonly attentionBias: boolean;
  readonly mlpBias: boolean;
  /** Biases of q, k and v alone. */
  readonly qkvBias?: boolean;
  /** RMSNorms of width head_dim over queries and keys before their rotation. */
  readonly qkNorm?: boolean;
  /** One weight W_pack, [Q | K | V], in place of three. */
  readonly packed?: boolean;
  /** How many keys back a position sees, itself counted; 0 for all. */
  readonly slidingWindow?: number;
  /** The token whose row of the embedding gets no gradient. */
  readonly paddingId?: number;
}

/** The config of a family of LLaMA's kind, in its keys. */
export function readLlamaConfig(
  config: ConfigReader,
  familyId: string,
  familyName: string,
  details: LlamaDetails,
  keys = stockKeys,
): ModelConfig {
  requireActivation(config, familyName, 'silu');
  refuseQuantised(config);
  const hiddenSize = config.count('hidden_size');
  const layers = readLayerShapes(config, keys);
  const headDim = headDimOf(config, 'head_dim', hiddenSize, config.count('num_attention_heads'));
  return {
    familyId,
    vocabSize: config.count('vocab_size'),
    hiddenSize,
    headDim,
    layers,
    maxPositions: config.count('max_position_embeddings', 2048),
    tiedEmbeddings: config.flag('tie_word_embeddings', false),
    details: { eps: config.positive('rms_norm_eps', 1e-6), ...details },
    rotaryFrequencies: rotaryFrequencies(config, headDim),
    source: config.source,
  };
}

/** The decoder of LLaMA and its relatives: pre-norm, RoPE, SwiGLU, optional GQA (docs/method.md, LLaMA). */
export const llamaDecoder = {
  embed: (g, config) => embedTokens(g, config, 'model.embed_tokens.weight'),

  layerPrefix: (layer) => `model.layers.${layer}.`,

  block: preNormBlock(selfAttention, swiGlu),

  head(g, config, x) {
    const name = config.tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
    return projectToVocabulary(g, config, name, rootMeanSquareNorm(g, config, 'model.norm', x));
  },

  sideInputs(config, positions) {
    const window = Number(config.details.slidingWindow ?? 0);
    return {
      ...rotaryTables(config.rotaryFrequencies, positions),
      mask: attentionMask(positions, window),
    };
  },

  groupRoots: ({ heads, kvHeads }) => ({
    attention: heads === kvHeads ? 'self_attn.q_proj.weight' : 'self_attn.k_proj.weight',
    mlp: 'mlp.gate_proj.weight',
  }),

  publishedCacheBytes: (config) => config.layers.length * rotaryCacheBytes(config),
} satisfies Partial<Family>;

/** cos and sin in fp16 for the 2048 positions of LLaMA-7B: the 32 MiB beside its weights (docs/method.md, Evaluation). */
const rotaryCacheBytes = (config: ModelConfig): number => 2 * 2 * 2048 * config.headDim;

function selfAttention(g: GraphBuilder, config: ModelConfig, shape: LayerShape, x: Value): Value {
  const { headDim, hiddenSize, details } = config;
  const cos = g.input('cos', 'float', ['sequence', headDim / 2]);
  const sin = g.input('sin', 'float', ['sequence', headDim / 2]);
  const mask = g.input('mask', 'float', ['sequence', 'sequence']);
  const { q, k, v } = details.packed === true ? packedHeads(g, config, shape, x) : heads(g, config, shape, x);
  const positioned = (name: string, value: Value): Value => {
    const known = details.qkNorm === true ? rootMeanSquareNorm(g, config, name, value, headDim) : value;
    return g.apply(rotary, { x: known, cos, sin }).y;
  };
  const turned = { q: positioned('self_attn.q_norm', q), k: positioned('self_attn.k_norm', k) };
  const mixed = g.apply(mergeHeads, { x: g.apply(attention, { ...turned, v, mask }).y }).y;
  const biased = details.attentionBias === true;
  return project(g, 'self_attn.o_proj', mixed, [hiddenSize, shape.heads * headDim], biased);
}

interface Heads {
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
}

function heads(g: GraphBuilder, config: ModelConfig, shape: LayerShape, x: Value): Heads {
  const { headDim, hiddenSize, details } = config;
  const biased = details.attentionBias === true || details.qkvBias === true;
  const of = (name: string, count: number): Value => {
    const projected = project(g, `self_attn.${name}`, x, [count * headDim, hiddenSize], biased);
    return g.apply(splitHeads, { x: projected }, { headDim }).y;
  };
  return { q: of('q_proj', shape.heads), k: of('k_proj', shape.kvHeads), v: of('v_proj', shape.kvHeads) };
}

/** Queries, keys and values of the one weight W_pack. */
export function packedHeads(g: GraphBuilder, config: ModelConfig, shape: LayerShape, x: Value): Heads {
  const { headDim, hiddenSize } = config;
  const width = shape.heads * headDim;
  const packed = project(g, 'self_attn.W_pack', x, [3 * width, hiddenSize], false);
  const parts = g.apply(splitQkv, { x: packed }, { q: width, k: width, v: width });
  const byHead = (part: Value): Value => g.apply(splitHeads, { x: part }, { headDim }).y;
  return { q: byHead(parts.q), k: byHead(parts.k), v: byHead(parts.v) };
}
