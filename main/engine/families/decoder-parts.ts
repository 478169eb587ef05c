import { EngineError } from '../errors.ts';
import { lockAxis } from '../ir/axes.ts';
import type { GraphBuilder, Value } from '../ir/graph.ts';
import { add, bias, embedding, gelu, layerNorm, linear, multiply, rmsNorm, silu } from '../ops/index.ts';
import type { ConfigReader } from './config-reader.ts';
import type { LayerShape, ModelConfig } from './family.ts';

/** Hidden states of token ids, `ids`, through a table [vocabulary, hidden]. */
export function embedTokens(g: GraphBuilder, config: ModelConfig, name: string): Value {
  const ids = g.input('ids', 'int64', ['batch', 'sequence']);
  const weight = g.param(name, [config.vocabSize, config.hiddenSize]);
  return g.apply(embedding, { ids, weight }, paddingOf(config)).y;
}

/** The token whose row of the table gets no gradient, where a family has one. */
const paddingOf = ({ details }: ModelConfig): Record<string, number> =>
  typeof details.paddingId === 'number' ? { paddingId: details.paddingId } : {};

/** Logits of hidden states through a head without bias. */
export function projectToVocabulary(g: GraphBuilder, config: ModelConfig, name: string, x: Value): Value {
  const weight = g.param(name, [config.vocabSize, config.hiddenSize]);
  const logits = g.apply(linear, { x, weight }).y;
  // Rows of an untied head are tied to nothing else, but they are tokens, not structures.
  lockAxis(logits.axes[logits.axes.length - 1], 'the vocabulary belongs to the tokenizer');
  return logits;
}

/** x through a weight [out, in], and the bias beside it where there is one. */
export function project(
  g: GraphBuilder,
  name: string,
  x: Value,
  shape: [number, number],
  biased: boolean,
): Value {
  const product = g.apply(linear, { x, weight: g.param(`${name}.weight`, shape) }).y;
  return biased ? g.apply(bias, { x: product, bias: g.param(`${name}.bias`, [shape[0]]) }).y : product;
}

/** RMSNorm over the last axis, of `width`. */
export function rootMeanSquareNorm(
  g: GraphBuilder,
  config: ModelConfig,
  name: string,
  x: Value,
  width = config.hiddenSize,
): Value {
  const weight = g.param(`${name}.weight`, [width]);
  return g.apply(rmsNorm, { x, weight }, { eps: config.details.eps as number }).y;
}

/** LayerNorm with weight and bias over the hidden axis. */
export function centredNorm(g: GraphBuilder, config: ModelConfig, name: string, x: Value): Value {
  const weight = g.param(`${name}.weight`, [config.hiddenSize]);
  const offset = g.param(`${name}.bias`, [config.hiddenSize]);
  return g.apply(layerNorm, { x, weight, bias: offset }, { eps: config.details.eps as number }).y;
}

/** down(silu(gate x)·up x), three weights under `mlp`. */
export function swiGlu(g: GraphBuilder, config: ModelConfig, { mlpWidth }: LayerShape, x: Value): Value {
  const biased = config.details.mlpBias === true;
  const { hiddenSize } = config;
  const gate = g.apply(silu, { x: project(g, 'mlp.gate_proj', x, [mlpWidth, hiddenSize], biased) }).y;
  const up = project(g, 'mlp.up_proj', x, [mlpWidth, hiddenSize], biased);
  const gated = g.apply(multiply, { a: gate, b: up }).y;
  return project(g, 'mlp.down_proj', gated, [hiddenSize, mlpWidth], biased);
}

/** W₂·gelu(W₁·x), two weights with biases under `mlp`. */
export function geluMlp(
  g: GraphBuilder,
  { hiddenSize }: ModelConfig,
  { mlpWidth }: LayerShape,
  x: Value,
): Value {
  const widened = g.apply(gelu, { x: project(g, 'mlp.dense_h_to_4h', x, [mlpWidth, hiddenSize], true) }).y;
  return project(g, 'mlp.dense_4h_to_h', widened, [hiddenSize, mlpWidth], true);
}

type BlockPart = (g: GraphBuilder, config: ModelConfig, shape: LayerShape, x: Value) => Value;

/** A block of RMSNorms in front: x + attention(norm x), and to that mlp(norm of it). */
export const preNormBlock =
  (attention: BlockPart, mlp: BlockPart): BlockPart =>
  (g, config, shape, x) => {
    const normed = rootMeanSquareNorm(g, config, 'input_layernorm', x);
    const mid = g.apply(add, { a: x, b: attention(g, config, shape, normed) }).y;
    const after = rootMeanSquareNorm(g, config, 'post_attention_layernorm', mid);
    return g.apply(add, { a: mid, b: mlp(g, config, shape, after) }).y;
  };

/** @throws EngineError feature-unsupported where the MLP is not what the family computes. */
export function requireActivation(config: ConfigReader, family: string, expected: string): void {
  const activation = config.text('hidden_act', expected);
  if (activation === expected) return;
  throw new EngineError(
    'feature-unsupported',
    `config.json: "hidden_act" is "${activation}"; a ${family} has "${expected}".`,
    { hidden_act: activation },
    'Take a model with the activation of its family; the published ones have it.',
  );
}

/** @throws EngineError feature-unsupported for quantised weights. */
export function refuseQuantised(config: ConfigReader): void {
  const bits = config.has('quantization_bit') ? config.source.quantization_bit : 0;
  const key = config.has('quantization_config') ? 'quantization_config' : 'quantization_bit';
  if (key === 'quantization_bit' && bits === 0) return;
  throw new EngineError(
    'feature-unsupported',
    `config.json: the weights are quantised ("${key}"); pruning needs F32, F16 or BF16 weights.`,
    {},
    'Take the original, unquantised model.',
  );
}

/** @throws EngineError feature-unsupported for P-tuning's encoder, which puts keys and values in front of every layer's. */
export function refusePrefixEncoder(config: ConfigReader): void {
  const length = config.source.pre_seq_len ?? 0;
  if (length === 0) return;
  throw new EngineError(
    'feature-unsupported',
    `config.json: "pre_seq_len" is ${JSON.stringify(length)}; models with a prefix encoder (P-tuning) are not known.`,
    { pre_seq_len: JSON.stringify(length) },
    'Take the model without P-tuning.',
  );
}

/**
 * Switches that a family has in one position only.
 * @throws EngineError feature-unsupported, naming the key.
 */
export function requireFlags(
  config: ConfigReader,
  family: string,
  expected: Readonly<Record<string, boolean>>,
): void {
  for (const [key, value] of Object.entries(expected)) {
    if (config.flag(key, value) === value) continue;
    throw new EngineError(
      'feature-unsupported',
      `config.json: "${key}" is ${!value}; of ${family} only ${value} is supported.`,
      { [key]: String(!value) },
      'Take a model that was published so.',
    );
  }
}

/**
 * The width of a head, which no key need say.
 * @param of What it is a multiple of: dimensions that turn do so in pairs.
 * @throws EngineError config-invalid.
 */
export function headDimOf(
  config: ConfigReader,
  key: string,
  hiddenSize: number,
  heads: number,
  of = 2,
): number {
  const headDim = config.has(key) ? config.count(key) : hiddenSize / heads;
  if (Number.isInteger(headDim) && headDim % of === 0) return headDim;
  const kind = of === 1 ? 'a whole number' : `a whole multiple of ${of}`;
  throw config.invalid(key, `${kind}, the hidden size by the number of heads where absent`, headDim);
}
