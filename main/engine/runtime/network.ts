import { deriveBackward, gradientName, upstreamName, type BackwardProgram } from '../derive/backward.ts';
import { deriveDecoding, type DecodingProgram } from '../derive/decoding.ts';
import type { ParamDtypes, ParamType, Program } from '../derive/emission.ts';
import { deriveForward } from '../derive/forward.ts';
import { AdaptedGraph, isAdapterParam, type AdaptedWeight, type Adaptation } from '../derive/lora.ts';
import { GraphBuilder, shapeOf, type Value } from '../ir/graph.ts';
import type { Positions, SideInput } from '../families/family.ts';
import { crossEntropy, shortfall } from '../ops/index.ts';
import { blockGraph, embedGraph, headGraph } from './model-graph.ts';
import { labelsOf, rowsOf, type Batch } from './batch.ts';
import type { LayerCache } from './layer-cache.ts';
import type { Model } from './model.ts';
import type { WeightStore } from './residency.ts';
import {
  floats,
  indices,
  openSession,
  type Feed,
  type Result,
  type Session,
  type SessionOptions,
  type Values,
} from './session.ts';

/** ∂L/∂W = dyᵀ·x of one linear weight, left unformed. x is [tokens, in], dy is [tokens, out]. */
export interface ContractionData {
  readonly x: Values;
  readonly dy: Values;
}

/** Parameters whose gradients are wanted of a part of the network, by name without a layer's prefix. */
export interface WantedGradients {
  /** Linear weights and embeddings, whose gradients are left unformed. */
  readonly contracted: readonly string[];
  /** Small ones, whose gradients come out whole. */
  readonly params: readonly string[];
}

const noGradients: WantedGradients = { contracted: [], params: [] };

/** Gradients of a part of the network, by parameter name without a layer's prefix. */
export interface PartGradient {
  readonly contractions: ReadonlyMap<string, ContractionData>;
  /** ∂L/∂(rows looked up in an embedding). [tokens, hidden] */
  readonly lookups: ReadonlyMap<string, Values>;
  readonly params: ReadonlyMap<string, Float32Array>;
}

export interface BlockGradient extends PartGradient {
  /** ∂L/∂(the layer's input). [rows, length, hidden] */
  readonly dx: Values;
}

interface Block {
  readonly graph: GraphBuilder;
  readonly x: Value;
  readonly y: Value;
  readonly dtypes: ParamDtypes;
  /** Equal for layers that one session serves. */
  readonly signature: string;
}

/**
 * A model's layers as sessions, one a shape and purpose, compiled when first needed; the weights come from a store
 * at every step. With an adaptation the layers' linear weights have adapters beside them, which the store holds too.
 */
export class Network {
  private readonly sessions = new Map<string, Promise<Session>>();
  private readonly blocks = new Map<number, Block>();
  private usualSide: { length: number; feeds: Record<string, Feed> } | undefined;

  constructor(
    readonly model: Model,
    readonly weights: WeightStore,
    private readonly options: SessionOptions,
    private readonly adaptation?: Adaptation,
  ) {}

  get layerCount(): number {
    return this.model.config.layers.length;
  }

  /** Full names of a layer's weights. */
  layerParams(layer: number): string[] {
    const prefix = this.model.family.layerPrefix(layer);
    return [...this.block(layer).graph.params.keys()].map((name) => prefix + name);
  }

  /** Full names of the weights that the head reads. */
  headParams(): string[] {
    return [...this.lossGraph().graph.params.keys()];
  }

  /** The weights of a layer that have an adapter, in order of use; module names are without the layer's prefix. */
  adaptedWeights(layer: number): readonly AdaptedWeight[] {
    const { graph } = this.block(layer);
    return graph instanceof AdaptedGraph ? graph.adapted : [];
  }

  /** Begins reading a layer's weights; layers outside the network are ignored. */
  prefetchLayer(layer: number): void {
    if (layer >= 0 && layer < this.layerCount) this.weights.prefetch(this.layerParams(layer));
  }

  /** Hidden states before the first layer. [rows, length, hidden] */
  async embed(batch: Batch): Promise<Values> {
    const { family, config } = this.model;
    const session = await this.session('embed', () => {
      const { graph, y } = embedGraph(family, config);
      return deriveForward(graph, { y }, this.dtypes(graph, ''));
    });
    const ids = indices(batch.ids, [batch.rows, batch.length]);
    const { y } = await session.run({ ...(await this.take(session, '')), ids });
    return y.values;
  }

  async forwardLayer(layer: number, weights: LayerWeights, x: Values, batch: Batch): Promise<Values> {
    const session = await this.blockSession(layer, 'forward', ({ graph, y, dtypes }) =>
      deriveForward(graph, { y }, dtypes),
    );
    const { y } = await session.run({ ...weights, ...this.side(batch), x: this.hidden(x, batch) });
    return y.values;
  }

  /**
   * A layer over tokens that come after those in `cache`, and adds them to it.
   * @param side Of their positions, as `sideInputs` gives it.
   */
  async continueLayer(
    layer: number,
    weights: LayerWeights,
    x: Values,
    batch: Batch,
    side: Readonly<Record<string, Feed>>,
    cache: LayerCache,
  ): Promise<Values> {
    const session = await this.blockSession(layer, 'decoding', ({ graph, y, dtypes }) =>
      deriveDecoding(graph, { y }, dtypes),
    );
    const { kept } = session.program as DecodingProgram;
    const past = cache.feeds(kept, batch.rows);
    const results = await session.run({ ...weights, ...side, ...past, x: this.hidden(x, batch) });
    cache.append(kept, results, batch.length);
    return results.y.values;
  }

  /** What every layer reads beside its hidden states, at these positions. */
  sideFeeds(positions: Positions): Record<string, Feed> {
    return feedsOf(this.model.family.sideInputs(this.model.config, positions));
  }

  async backwardLayer(
    layer: number,
    weights: LayerWeights,
    x: Values,
    upstream: Values,
    batch: Batch,
    wanted: WantedGradients,
  ): Promise<BlockGradient> {
    const session = await this.blockSession(
      layer,
      `backward ${keyOf(wanted)}`,
      ({ graph, x: input, y: result, dtypes }) =>
        deriveBackward(graph, { result, inputs: [input], ...valuesOf(graph, wanted) }, dtypes),
    );
    const results = await session.run({ ...weights, ...this.backwardFeeds(x, upstream, batch) });
    return { dx: results[gradientName('x')].values, ...partGradient(session, results, wanted) };
  }

  /** @param upstream ∂L/∂(hidden states before the first layer). */
  async embedGradient(batch: Batch, upstream: Values, wanted: WantedGradients): Promise<PartGradient> {
    const { family, config } = this.model;
    const session = await this.session(`embed backward ${keyOf(wanted)}`, () => {
      const { graph, y } = embedGraph(family, config);
      const request = { result: y, inputs: [], ...valuesOf(graph, wanted) };
      return deriveBackward(graph, request, this.dtypes(graph, ''));
    });
    const results = await session.run({
      ...(await this.take(session, '')),
      ids: indices(batch.ids, [batch.rows, batch.length]),
      [upstreamName]: this.hidden(upstream, batch),
    });
    return partGradient(session, results, wanted);
  }

  /**
   * Gradients of a layer's adapters alone; no gradient of a weight is formed.
   * @param weights Beside the layer's weights and adapters the dropout masks, where the adaptation has them.
   */
  async adapterGradients(
    layer: number,
    weights: LayerWeights,
    x: Values,
    upstream: Values,
    batch: Batch,
  ): Promise<BlockGradient> {
    const params = [...this.block(layer).graph.params.keys()].filter(isAdapterParam);
    return this.backwardLayer(layer, weights, x, upstream, batch, { contracted: [], params });
  }

  /** -log p of each next token; meaningless at a row's last position. [rows, length] */
  async losses(x: Values, batch: Batch): Promise<Float32Array> {
    const session = await this.session('losses', () => {
      const { graph, losses } = this.lossGraph();
      return deriveForward(graph, { losses }, this.dtypes(graph, ''));
    });
    const feeds = { ...(await this.take(session, '')), x: this.hidden(x, batch), labels: labelsOf(batch) };
    return (await session.run(feeds)).losses.data;
  }

  /**
   * -log p of a token each after hidden states that were picked from anywhere, and how far the token's logit is below
   * the largest.
   * @param x [tokens, hidden]
   */
  async pickedTokens(
    x: Float32Array,
    tokens: Int32Array,
  ): Promise<{ losses: Float32Array; shortfalls: Float32Array }> {
    const session = await this.session('picked tokens', () => {
      const { graph, logits, labels, losses } = this.lossGraph();
      const shortfalls = graph.apply(shortfall, { logits, labels }).y;
      return deriveForward(graph, { losses, shortfalls }, this.dtypes(graph, ''));
    });
    const dims = [1, tokens.length];
    const { losses, shortfalls } = await session.run({
      ...(await this.take(session, '')),
      x: floats(x, [...dims, this.model.config.hiddenSize]),
      labels: indices(tokens, dims),
    });
    return { losses: losses.data, shortfalls: shortfalls.data };
  }

  /** The losses, and ∂L/∂x for the weights ∂L/∂loss given in `upstream`. */
  async lossesAndGradient(
    x: Values,
    batch: Batch,
    upstream: Float32Array,
    wanted = noGradients,
  ): Promise<BlockGradient & { readonly losses: Float32Array }> {
    const session = await this.session(`losses backward ${keyOf(wanted)}`, () => {
      const { graph, x: input, losses } = this.lossGraph();
      const request = {
        result: losses,
        inputs: [input],
        ...valuesOf(graph, wanted),
        forward: { losses },
      };
      return deriveBackward(graph, request, this.dtypes(graph, ''));
    });
    const results = await session.run({
      ...(await this.take(session, '')),
      x: this.hidden(x, batch),
      labels: labelsOf(batch),
      [upstreamName]: floats(upstream, [batch.rows, batch.length]),
    });
    return {
      losses: results.losses.data,
      dx: results[gradientName('x')].values,
      ...partGradient(session, results, wanted),
    };
  }

  /** [rows, length, vocabulary] */
  async logits(x: Values, batch: Batch): Promise<Result> {
    const { family, config } = this.model;
    const session = await this.session('logits', () => {
      const { graph, logits } = headGraph(family, config);
      return deriveForward(graph, { logits }, this.dtypes(graph, ''));
    });
    const feeds = { ...(await this.take(session, '')), x: this.hidden(x, batch) };
    return (await session.run(feeds)).logits;
  }

  /** A layer's weights, under names without its prefix. */
  async takeLayer(layer: number): Promise<LayerWeights> {
    const { family, config } = this.model;
    const weights = await this.weights.take(this.layerParams(layer));
    const inputs = family.layerInputs?.(config, layer) ?? {};
    return { ...withoutPrefix(weights, family.layerPrefix(layer)), ...feedsOf(inputs) };
  }

  async release(): Promise<void> {
    for (const session of this.sessions.values()) await (await session).release();
    this.sessions.clear();
  }

  private hidden(data: Values, { rows, length }: Batch): Feed {
    return floats(data, [rows, length, this.model.config.hiddenSize]);
  }

  private backwardFeeds(x: Values, upstream: Values, batch: Batch): Record<string, Feed> {
    return {
      ...this.side(batch),
      x: this.hidden(x, batch),
      [upstreamName]: this.hidden(upstream, batch),
    };
  }

  private side(batch: Batch): Record<string, Feed> {
    const { length, tree } = batch;
    if (tree) return this.sideFeeds({ length, tree });
    if (this.model.family.readsTokens) return this.sideFeeds({ length, rows: rowsOf(batch) });
    if (this.usualSide?.length !== length) this.usualSide = { length, feeds: this.sideFeeds({ length }) };
    return this.usualSide.feeds;
  }

  private lossGraph(): Record<'x' | 'logits' | 'labels' | 'losses', Value> & { graph: GraphBuilder } {
    const { graph, x, logits } = headGraph(this.model.family, this.model.config);
    const labels = graph.input('labels', 'int64', ['batch', 'sequence']);
    return { graph, x, logits, labels, losses: graph.apply(crossEntropy, { logits, labels }).y };
  }

  /** The weights among a session's inputs. */
  private async take(session: Session, prefix: string): Promise<Record<string, Feed>> {
    const { tensors } = this.model.checkpoint;
    const names = session.program.inputs.map((name) => prefix + name).filter((name) => tensors.has(name));
    return withoutPrefix(await this.weights.take(names), prefix);
  }

  private block(layer: number): Block {
    const known = this.blocks.get(layer);
    if (known) return known;
    const { family, config } = this.model;
    const empty = this.adaptation ? new AdaptedGraph(this.adaptation) : new GraphBuilder();
    const { graph, x, y } = blockGraph(family, config, config.layers[layer], empty);
    const dtypes = this.dtypes(graph, family.layerPrefix(layer));
    const shapes = [...graph.params.values()].map((param) => shapeOf(param).join('x'));
    const block = { graph, x, y, dtypes, signature: `${shapes.join()} ${[...dtypes.values()].join()}` };
    this.blocks.set(layer, block);
    return block;
  }

  private blockSession(layer: number, purpose: string, derive: (block: Block) => Program): Promise<Session> {
    const block = this.block(layer);
    return this.session(`${purpose}: ${block.signature}`, () => derive(block));
  }

  private session(key: string, derive: () => Program): Promise<Session> {
    const known = this.sessions.get(key);
    if (known) return known;
    const opened = openSession(derive(), { ...this.options, isPassedOn });
    this.sessions.set(key, opened);
    return opened;
  }

  private dtypes(graph: GraphBuilder, prefix: string): ParamDtypes {
    const dtypeOf = (name: string): ParamType =>
      isAdapterParam(name) ? 'F32' : this.weights.dtypeOf(prefix + name);
    return new Map([...graph.params.keys()].map((name) => [name, dtypeOf(name)]));
  }
}

/** Results that only another session wants: hidden states, their gradients, x and dy of a weight. */
const isPassedOn = (output: string): boolean =>
  output === 'y' || output === gradientName('x') || /^(x|dy) of /.test(output);

export type LayerWeights = Readonly<Record<string, Feed>>;

function feedsOf(inputs: Readonly<Record<string, SideInput>>): Record<string, Feed> {
  const feeds = Object.entries(inputs).map(([name, { data, dims }]) => [name, floats(data, dims)] as const);
  return Object.fromEntries(feeds);
}

const keyOf = ({ contracted, params }: WantedGradients): string => `${contracted.join()} ${params.join()}`;

function valuesOf(
  graph: GraphBuilder,
  { contracted, params }: WantedGradients,
): { contracted: Value[]; params: Value[] } {
  const named = (names: readonly string[]): Value[] =>
    [...graph.params.values()].filter(({ name }) => names.includes(name));
  return { contracted: named(contracted), params: named(params) };
}

function partGradient(
  { program }: Session,
  results: Readonly<Record<string, Result>>,
  wanted: WantedGradients,
): PartGradient {
  const { contractions, lookups } = program as BackwardProgram;
  return {
    contractions: new Map(
      contractions.map(({ param, x, dy }) => [param, { x: results[x].values, dy: results[dy].values }]),
    ),
    lookups: new Map(lookups.map(({ param, dy }) => [param, results[dy].values])),
    params: new Map(wanted.params.map((name) => [name, results[gradientName(name)].data])),
  };
}

function withoutPrefix(feeds: Record<string, Feed>, prefix: string): Record<string, Feed> {
  return Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name.slice(prefix.length), feed]));
}
