import { EngineError } from '../errors.ts';
import { lockAxis } from '../ir/axes.ts';
import type { GraphBuilder, Value } from '../ir/graph.ts';
import {
  add,
  attention,
  bias,
  embedding,
  linear,
  mergeHeads,
  multiply,
  rmsNorm,
  rotary,
  silu,
  splitHeads,
} from '../ops/index.ts';
import { ConfigReader } from './config-reader.ts';
import {
  defineFamily,
  type LayerShape,
  type ModelConfig,
  type NetworkShape,
  type WrittenConfig,
} from './family.ts';
import { perLayerKeys, readLayerShapes, withoutLayerShapes, withLayerShapes } from './layer-shapes.ts';
import { causalMask, rotaryFrequencies, rotaryTables, treeMask } from './rotary-frequencies.ts';

/**
 * LLaMA 1/2/3, Vicuna, TinyLlama, SmolLM2: pre-norm, RoPE, SwiGLU, optional GQA (docs/method.md, LLaMA). A pruned model whose
 * heads no longer divide the hidden size is written, and read back, as Mistral without a sliding window: the same
 * network, whose loader asks for no such division.
 */
export const llama = defineFamily({
  id: 'llama',
  architectures: ['LlamaForCausalLM', 'LLaMAForCausalLM', 'MistralForCausalLM'],

  readConfig(source) {
    const config = new ConfigReader(source);
    refuseUnsupported(config);
    const hiddenSize = config.count('hidden_size');
    const layers = readLayerShapes(config);
    const headDim = config.has('head_dim')
      ? config.count('head_dim')
      : hiddenSize / config.count('num_attention_heads');
    if (!Number.isInteger(headDim) || headDim % 2 !== 0) {
      throw config.invalid(
        'head_dim',
        'an even whole number, hidden_size / num_attention_heads where absent',
        headDim,
      );
    }
    return {
      familyId: 'llama',
      vocabSize: config.count('vocab_size'),
      hiddenSize,
      headDim,
      layers,
      maxPositions: config.count('max_position_embeddings', 2048),
      tiedEmbeddings: config.flag('tie_word_embeddings', false),
      details: {
        eps: config.positive('rms_norm_eps', 1e-6),
        attentionBias: config.flag('attention_bias', false),
        mlpBias: config.flag('mlp_bias', false),
      },
      rotaryFrequencies: rotaryFrequencies(config, headDim),
      source,
    };
  },

  writeConfig: writeLlamaConfig,

  embed(g, config) {
    const ids = g.input('ids', 'int64', ['batch', 'sequence']);
    const weight = g.param('model.embed_tokens.weight', [config.vocabSize, config.hiddenSize]);
    return g.apply(embedding, { ids, weight }).y;
  },

  layerPrefix: (layer) => `model.layers.${layer}.`,

  block(g, config, shape, x) {
    const mid = g.apply(add, {
      a: x,
      b: selfAttention(g, config, shape, norm(g, config, 'input_layernorm', x)),
    }).y;
    const normed = norm(g, config, 'post_attention_layernorm', mid);
    return g.apply(add, { a: mid, b: swiGlu(g, config, shape, normed) }).y;
  },

  head(g, config, x) {
    const name = config.tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
    const weight = g.param(name, [config.vocabSize, config.hiddenSize]);
    const logits = g.apply(linear, { x: norm(g, config, 'model.norm', x), weight }).y;
    // Rows of an untied head are tied to nothing else, but they are tokens, not structures.
    lockAxis(logits.axes[logits.axes.length - 1], 'the vocabulary belongs to the tokenizer');
    return logits;
  },

  sideInputs: (config, positions) => ({
    ...rotaryTables(config.rotaryFrequencies, positions),
    mask: positions.tree ? treeMask(positions.tree) : causalMask(positions),
  }),

  groupRoots: (shape) => ({
    attention: shape.heads === shape.kvHeads ? 'self_attn.q_proj.weight' : 'self_attn.k_proj.weight',
    mlp: 'mlp.gate_proj.weight',
  }),

  publishedCacheBytes: (config) => config.layers.length * rotaryCacheBytes(config),
});

/** cos and sin in fp16 for the 2048 positions of LLaMA-7B: the 32 MiB beside its weights (docs/method.md, Evaluation). */
const rotaryCacheBytes = (config: ModelConfig): number => 2 * 2 * 2048 * config.headDim;

function selfAttention(g: GraphBuilder, config: ModelConfig, shape: LayerShape, x: Value): Value {
  const biased = config.details.attentionBias === true;
  const { headDim, hiddenSize } = config;
  const cos = g.input('cos', 'float', ['sequence', headDim / 2]);
  const sin = g.input('sin', 'float', ['sequence', headDim / 2]);
  const mask = g.input('mask', 'float', ['sequence', 'sequence']);
  const heads = (name: string, count: number): Value => {
    const projected = project(g, `self_attn.${name}`, x, [count * headDim, hiddenSize], biased);
    return g.apply(splitHeads, { x: projected }, { headDim }).y;
  };
  const positioned = (value: Value): Value => g.apply(rotary, { x: value, cos, sin }).y;
  const q = positioned(heads('q_proj', shape.heads));
  const k = positioned(heads('k_proj', shape.kvHeads));
  const v = heads('v_proj', shape.kvHeads);
  const mixed = g.apply(mergeHeads, { x: g.apply(attention, { q, k, v, mask }).y }).y;
  return project(g, 'self_attn.o_proj', mixed, [hiddenSize, shape.heads * headDim], biased);
}

function swiGlu(g: GraphBuilder, config: ModelConfig, shape: LayerShape, x: Value): Value {
  const biased = config.details.mlpBias === true;
  const { hiddenSize } = config;
  const gate = g.apply(silu, { x: project(g, 'mlp.gate_proj', x, [shape.mlpWidth, hiddenSize], biased) }).y;
  const up = project(g, 'mlp.up_proj', x, [shape.mlpWidth, hiddenSize], biased);
  const gated = g.apply(multiply, { a: gate, b: up }).y;
  return project(g, 'mlp.down_proj', gated, [hiddenSize, shape.mlpWidth], biased);
}

function norm(g: GraphBuilder, config: ModelConfig, name: string, x: Value): Value {
  const weight = g.param(`${name}.weight`, [config.hiddenSize]);
  return g.apply(rmsNorm, { x, weight }, { eps: config.details.eps as number }).y;
}

function project(g: GraphBuilder, name: string, x: Value, shape: [number, number], biased: boolean): Value {
  const product = g.apply(linear, { x, weight: g.param(`${name}.weight`, shape) }).y;
  return biased ? g.apply(bias, { x: product, bias: g.param(`${name}.bias`, [shape[0]]) }).y : product;
}

function refuseUnsupported(config: ConfigReader): void {
  const activation = config.text('hidden_act', 'silu');
  if (activation !== 'silu') {
    throw new EngineError(
      'feature-unsupported',
      `config.json: "hidden_act" is "${activation}"; a LLaMA has "silu".`,
      {
        hidden_act: activation,
      },
    );
  }
  if (config.has('quantization_config')) {
    throw new EngineError(
      'feature-unsupported',
      'config.json: the weights are quantised ("quantization_config"); pruning needs F32, F16 or BF16 weights.',
      {},
      'Take the original, unquantised model.',
    );
  }
  const window = slidingWindow(config);
  if (window !== null) {
    throw new EngineError(
      'feature-unsupported',
      `config.json: a sliding attention window (${JSON.stringify(window)}) is not supported; only "sliding_window": null is.`,
      { sliding_window: JSON.stringify(window) },
      'The window only matters for texts longer than it: set it to null to prune the model all the same.',
    );
  }
}

/** transformers gives a Mistral without the key a window of 4096. */
function slidingWindow({ source }: ConfigReader): unknown {
  if (source.sliding_window !== undefined) return source.sliding_window;
  return source.model_type === 'mistral' ? 4096 : null;
}

function writeLlamaConfig(config: ModelConfig, { hiddenSize, layers }: NetworkShape): WrittenConfig {
  const [first] = layers;
  const same = (key: keyof LayerShape): boolean => layers.every((layer) => layer[key] === first[key]);
  const uniform = same('heads') && same('kvHeads') && same('mlpWidth');
  const base = {
    ...withoutLayerShapes(config.source),
    hidden_size: hiddenSize,
    head_dim: config.headDim,
  };
  if (!uniform) {
    return {
      json: { ...base, ...architecture('llama'), ...withLayerShapes(layers) },
      loaders: `LLM-Pruner Studio opens this folder. Its layers differ in width (${perLayerKeys.join(', ')} in config.json), which no stock loader can express: transformers refuses it.`,
    };
  }
  const widths = {
    num_attention_heads: first.heads,
    num_key_value_heads: first.kvHeads,
    intermediate_size: first.mlpWidth,
  };
  if (hiddenSize % first.heads === 0) {
    return {
      json: { ...base, ...architecture('llama'), ...widths },
      loaders: 'transformers (LlamaForCausalLM) and LLM-Pruner Studio open this folder.',
    };
  }
  if (config.details.attentionBias === true || config.details.mlpBias === true) {
    return {
      json: { ...base, ...architecture('llama'), ...widths },
      loaders: `LLM-Pruner Studio opens this folder. transformers refuses a LLaMA of hidden size ${hiddenSize} with ${first.heads} heads, and Mistral has no biases to take its place.`,
    };
  }
  return {
    json: { ...base, ...architecture('mistral'), ...widths, sliding_window: null },
    loaders: `transformers (MistralForCausalLM: the same network; as a LLaMA it would refuse ${first.heads} heads at hidden size ${hiddenSize}) and LLM-Pruner Studio open this folder.`,
  };
}

function architecture(name: 'llama' | 'mistral'): Record<string, unknown> {
  return name === 'llama'
    ? { architectures: ['LlamaForCausalLM'], model_type: 'llama' }
    : { architectures: ['MistralForCausalLM'], model_type: 'mistral' };
}
