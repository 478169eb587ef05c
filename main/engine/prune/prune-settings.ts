import type { StructureKind } from './layer-groups.ts';

/** How much of a model shall stay: parameters, bytes of its weights, or percent of its parameters. */
export type SizeTarget =
  { readonly parameters: number } | { readonly bytes: number } | { readonly percent: number };

/** What is ranked together: a layer's structures, all of them by score a parameter, or all as the published code does. */
export const scopes = ['local', 'global', 'global-published'] as const;
export type Scope = (typeof scopes)[number];

/** What goes of attention: a KV head with its query heads, or a query head of every KV head. */
export const attentionUnits = ['group', 'query-head'] as const;
export type AttentionUnit = (typeof attentionUnits)[number];

/** What an MLP's width may be made a multiple of. */
export const roundings = [1, 8, 64, 256] as const;
export type Rounding = (typeof roundings)[number];

/** Which whole layers go: those that change their input least, or the last, as published. */
export const dropRules = ['least-influence', 'last'] as const;
export type DropRule = (typeof dropRules)[number];

/** What a person decided about single layers; layers are keys of records, as decimal numbers. */
export interface PlanEdits {
  /** Layers of which nothing goes. */
  readonly exclude: Readonly<Record<StructureKind, readonly number[]>>;
  /** Ratios of layers that have one of their own, inside the windows or not. */
  readonly ratios: Readonly<Record<StructureKind, Readonly<Record<string, number>>>>;
  /** Heads (KV heads, under GQA) of the original that stay whatever they score. */
  readonly keep: { readonly heads: Readonly<Record<string, readonly number[]>> };
}

/** How what goes is chosen, beyond ratio and windows; a key is left out where it says nothing new. */
export interface SelectionOptions {
  /** Left out: heads and MLP channels; channel: hidden indices, through the whole network; layer: whole layers. */
  readonly mode?: 'channel' | 'layer' | 'none';
  /** The ratio beside it is what it came to. */
  readonly target?: SizeTarget;
  readonly unit?: Exclude<AttentionUnit, 'group'>;
  readonly scope?: Exclude<Scope, 'local'>;
  readonly round?: Exclude<Rounding, 1>;
  readonly uniform?: true;
  readonly drop?: DropRule;
  readonly edits?: PlanEdits;
}
