import { EngineError } from '../errors.ts';
import { sizeOf } from '../ir/axes.ts';
import { GraphBuilder, shapeOf, type DynamicAxis, type Value } from '../ir/graph.ts';
import type { OpAttributes, OpDefinition } from '../ir/op.ts';
import { add, linear, multiply, scale } from '../ops/index.ts';

/** Low-rank adapters beside linear weights (LoRA, arXiv 2106.09685), under peft's names. */
export interface Adaptation {
  readonly rank: number;
  readonly alpha: number;
  /** Last parts of the names of the modules to adapt, such as q_proj. */
  readonly targets: readonly string[];
  /** Whether an adapter's x is multiplied by a dropout mask, which enters as an input. */
  readonly masked: boolean;
}

/** One adapted weight [out, in]; its adapter is A [rank, in] and B [out, rank]. */
export interface AdaptedWeight {
  /** Name of the weight without ".weight". */
  readonly module: string;
  readonly outSize: number;
  readonly inSize: number;
}

export const downName = (module: string): string => `${module}.lora_A.weight`;
export const upName = (module: string): string => `${module}.lora_B.weight`;
/** Input of a module's dropout mask, as large as its x. */
export const maskName = (module: string): string => `${module}.lora_dropout`;

/** Whether a parameter belongs to an adapter, not to the model. */
export const isAdapterParam = (name: string): boolean => /\.lora_[AB]\.weight$/.test(name);

/** What an adapter's product counts for: alpha / rank. */
export const adapterScale = ({ alpha, rank }: Adaptation): number => alpha / rank;

/**
 * A graph whose linear weights get adapters as it is built: y = x·Wᵀ + alpha/rank · (mask∘x)·Aᵀ·Bᵀ. Which weights
 * can have one follows from the ops alone (`contraction`), so that no family knows of adapters.
 */
export class AdaptedGraph extends GraphBuilder {
  readonly adapted: AdaptedWeight[] = [];

  constructor(private readonly adaptation: Adaptation) {
    super();
  }

  override apply(
    op: OpDefinition,
    inputs: Readonly<Record<string, Value>>,
    attributes: OpAttributes = {},
  ): Record<string, Value> {
    const outputs = super.apply(op, inputs, attributes);
    const module = moduleOf(op, inputs);
    if (module === undefined || !this.adaptation.targets.includes(lastPart(module))) return outputs;
    const [[port, y]] = Object.entries(outputs);
    return { [port]: this.adapt(module, op, inputs, y) };
  }

  private adapt(module: string, op: OpDefinition, inputs: Readonly<Record<string, Value>>, y: Value): Value {
    const { x: xPort } = op.contraction as { x: string };
    const weight = adaptedWeight(module, op, inputs);
    const { inSize, outSize } = weight;
    this.adapted.push(weight);
    const { rank } = this.adaptation;
    const x = this.dropped(module, inputs[xPort]);
    const down = super.apply(linear, { x, weight: this.paramNamed(downName(module), [rank, inSize]) }).y;
    const scaled = super.apply(scale, { x: down }, { factor: adapterScale(this.adaptation) }).y;
    const up = super.apply(linear, { x: scaled, weight: this.paramNamed(upName(module), [outSize, rank]) }).y;
    return super.apply(add, { a: y, b: up }).y;
  }

  private dropped(module: string, x: Value): Value {
    if (!this.adaptation.masked) return x;
    const mask = this.input(maskName(module), 'float', shapeOf(x).map(inputDim));
    return super.apply(multiply, { a: x, b: mask }).y;
  }
}

/** The weights of a graph that can have an adapter, in order of use. */
export function adaptableWeights(graph: GraphBuilder): AdaptedWeight[] {
  return graph.nodes.flatMap(({ op, inputs }) => {
    const module = moduleOf(op, inputs);
    return module === undefined ? [] : [adaptedWeight(module, op, inputs)];
  });
}

/** The last parts of their names, each once. */
export function adaptableTargets(graph: GraphBuilder): string[] {
  return [...new Set(adaptableWeights(graph).map(({ module }) => lastPart(module)))];
}

function adaptedWeight(
  module: string,
  { contraction }: OpDefinition,
  inputs: Readonly<Record<string, Value>>,
): AdaptedWeight {
  const { weight } = contraction as { weight: string };
  const [outSize, inSize] = inputs[weight].axes.map((axis) => sizeOf(axis) as number);
  return { module, outSize, inSize };
}

function moduleOf(
  { contraction }: OpDefinition,
  inputs: Readonly<Record<string, Value>>,
): string | undefined {
  const weight = contraction && inputs[contraction.weight];
  return weight?.kind === 'param' ? weight.name.replace(/\.weight$/, '') : undefined;
}

const lastPart = (module: string): string => module.slice(module.lastIndexOf('.') + 1);

function inputDim(dim: number | string): number | DynamicAxis {
  if (typeof dim === 'number' || dim === 'batch' || dim === 'sequence') return dim;
  throw new EngineError(
    'graph-invalid',
    `An adapter's input has the axis ${dim}; known are batch and sequence.`,
  );
}
