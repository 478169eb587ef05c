import type { GraphBuilder, Value } from '../ir/graph.ts';

/** The widths of one decoder layer; pruning may make them differ from layer to layer. */
export interface LayerShape {
  readonly heads: number;
  readonly kvHeads: number;
  readonly mlpWidth: number;
}

/** The widths of a network: all that pruning changes of a config. */
export interface NetworkShape {
  readonly hiddenSize: number;
  readonly layers: readonly LayerShape[];
  /** Of each layer that is left, which one it was and which of its heads it still has; where a plan is known. */
  readonly origins?: readonly { readonly layer: number; readonly heads: readonly number[] }[];
}

/** Which heads of the unpruned model each layer has, for families that tell heads apart by their number. */
export interface HeadOrigins {
  /** Heads of an unpruned layer. */
  readonly of: number;
  /** Ascending, one list a layer. */
  readonly kept: readonly (readonly number[])[];
}

/** What a family reads out of config.json. */
export interface ModelConfig extends NetworkShape {
  readonly familyId: string;
  readonly vocabSize: number;
  readonly headDim: number;
  readonly maxPositions: number;
  readonly tiedEmbeddings: boolean;
  /** Further numbers and switches of the family, under its own names. */
  readonly details: Readonly<Record<string, number | boolean>>;
  /** Frequencies of the rotary embedding, radians a position. [headDim / 2] */
  readonly rotaryFrequencies: Float32Array;
  /** Undefined where nothing was pruned, or no family needs to know. */
  readonly headOrigins?: HeadOrigins | undefined;
  /** config.json as it was read. */
  readonly source: Readonly<Record<string, unknown>>;
}

/** A constant that every block reads beside its hidden states: angles, masks. */
export interface SideInput {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/**
 * Tokens of which several may follow the same one: what texts have in common at their beginning is there once. A token
 * sees those that lead to it.
 */
export interface TokenTree {
  /** Index of the token before; -1 for the first of a text. It comes before the token itself. */
  readonly parents: Int32Array;
  /** Tokens before it. */
  readonly positions: Int32Array;
}

/** The positions that a block computes, and the room for earlier ones before them. */
export interface Positions {
  readonly length: number;
  /** Position of the first token; 0 where it is left out. */
  readonly start?: number;
  /** Places for earlier positions, of which the first `start` are taken; none where it is left out. */
  readonly slots?: number;
  /** Where they are no row but a tree, whose tokens see what leads to them alone. */
  readonly tree?: TokenTree;
  /** Token ids of each row of the batch, earlier positions included: for a family that `readsTokens`. */
  readonly rows?: readonly Int32Array[];
}

/** Which weight's rows open a group in block-wise mode, as in the published scripts (docs/method.md, Groups). */
export interface GroupRoots {
  readonly attention: string;
  readonly mlp: string;
}

/** An architecture, described with ops under Hugging Face's own tensor names. One file each. */
export interface Family {
  readonly id: string;
  /** Values of config.json's `architectures` that it reads. */
  readonly architectures: readonly string[];
  /** Tells the family's configs from another's under the same architecture; all of them where it is left out. */
  recognises?(source: Readonly<Record<string, unknown>>): boolean;
  /** @throws EngineError config-invalid or feature-unsupported, naming the key. */
  readConfig(source: Readonly<Record<string, unknown>>): ModelConfig;
  /** config.json of the same model with other widths, in a form that `readConfig` reads back. */
  writeConfig(config: ModelConfig, shape: NetworkShape): WrittenConfig;
  /** Other names under which a checkpoint may have a parameter. */
  storedNames?(name: string): readonly string[];
  /** Where files store the head beside an embedding that it is tied to by default: it is untied where the two differ. */
  readonly separateHead?: { readonly embedding: string; readonly head: string };
  /** Token ids to hidden states. */
  embed(g: GraphBuilder, config: ModelConfig): Value;
  /** Prefix of a layer's parameter names. */
  layerPrefix(layer: number): string;
  /** One decoder layer, under names without the prefix. */
  block(g: GraphBuilder, config: ModelConfig, shape: LayerShape, x: Value): Value;
  /** Hidden states to logits. */
  head(g: GraphBuilder, config: ModelConfig, x: Value): Value;
  /** Whether what blocks read beside hidden states depends on the tokens, not on their number alone. */
  readonly readsTokens?: boolean;
  /**
   * For the tokens of a row, one after the other, or those of a tree.
   * @throws EngineError tokens-invalid where a family that `readsTokens` cannot tell their positions.
   */
  sideInputs(config: ModelConfig, positions: Positions): Readonly<Record<string, SideInput>>;
  /** What one layer reads beside its weights and others may read differently: slopes of heads. None where left out. */
  layerInputs?(config: ModelConfig, layer: number): Readonly<Record<string, SideInput>>;
  groupRoots(shape: LayerShape): GroupRoots;
  /** Id of the criterion that suits it, where it is not the usual one. */
  readonly defaultCriterion?: string;
  /** Bytes of caches that the published memory figure counts beside fp16 weights. */
  publishedCacheBytes(config: ModelConfig): number;
}

export interface WrittenConfig {
  readonly json: Readonly<Record<string, unknown>>;
  /** What opens the folder, in one sentence, for its model card. */
  readonly loaders: string;
}

/** Gives a family's file its types; the registry is families/index.ts. */
export function defineFamily(family: Family): Family {
  return family;
}
