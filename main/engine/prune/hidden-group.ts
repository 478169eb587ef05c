import { deriveGroups, type CoupledGroup, type GroupMember } from '../derive/groups.ts';
import { EngineError } from '../errors.ts';
import type { Family, ModelConfig } from '../families/family.ts';
import { atomsOf } from '../ir/axes.ts';
import type { GraphBuilder, Value } from '../ir/graph.ts';
import { embedGraph, headGraph, modelGraph } from '../runtime/model-graph.ts';
import type { Aggregation } from './aggregate.ts';

/**
 * The group of the hidden axis, the last of the hidden states: an index of it goes through the whole network or not at
 * all, since residual additions tie every layer to it. The paper's "Group C".
 * @throws EngineError feature-unsupported where the axis has parts that are pruned each by itself.
 */
export function hiddenGroup(family: Family, config: ModelConfig): CoupledGroup {
  const { graph, hidden } = modelGraph(family, config);
  const group = groupOfLastAxis(graph, hidden);
  if (group) return group;
  throw new EngineError(
    'feature-unsupported',
    `The hidden axis of a ${family.id} is not one axis whose indices could go each by itself.`,
    { family: family.id },
    'Prune heads and channels instead: prune.mode: block.',
  );
}

function groupOfLastAxis(graph: GraphBuilder, { axes }: Value): CoupledGroup | undefined {
  const units = atomsOf(axes[axes.length - 1]);
  return units.length === 1 ? deriveGroups(graph).find(({ unit }) => unit === units[0]) : undefined;
}

/** A place in the network that a backward pass comes to at once; a number is a layer. */
export type NetworkPart = 'embedding' | number | 'head';

/** A parameter of the hidden group that is scored. */
export interface HiddenMember extends GroupMember {
  /** Without the prefix of its layer. */
  readonly local: string;
  readonly isMatrix: boolean;
}

export interface HiddenPart {
  readonly part: NetworkPart;
  readonly members: readonly HiddenMember[];
}

/**
 * The members of the hidden group that an aggregation asks, by the part of the network that they are in, in order of
 * execution: matrices and the weights of norms; biases go along unasked, as in block-wise mode. A tied embedding is in
 * the part `embedding`, once.
 *
 * The published search walks from the outputs, so its root is the norm before the head: `first`. The head comes next,
 * `second`, and is executed last, `last`.
 */
export function hiddenParts(family: Family, config: ModelConfig, aggregation: Aggregation): HiddenPart[] {
  const { graph } = modelGraph(family, config);
  const isScored = (param: string): boolean => isMatrix(graph, param) || isWeight(graph, param);
  const asked = new Set(paramsAsked(family, config, aggregation, isScored));
  const parts = new Map<NetworkPart, HiddenMember[]>();
  const partOf = partFinder(family, config);
  for (const member of hiddenGroup(family, config).members) {
    if (!isScored(member.param) || !asked.has(member.param)) continue;
    const part = partOf(member.param);
    const prefix = typeof part === 'number' ? family.layerPrefix(part) : '';
    const local = member.param.slice(prefix.length);
    const found = { ...member, local, isMatrix: isMatrix(graph, member.param) };
    parts.set(part, [...(parts.get(part) ?? []), found]);
  }
  return [...parts].map(([part, members]) => ({ part, members }));
}

function paramsAsked(
  family: Family,
  config: ModelConfig,
  aggregation: Aggregation,
  isScored: (param: string) => boolean,
): string[] {
  const { graph, x } = headGraph(family, config);
  const all = hiddenGroup(family, config).members.map(({ param }) => param);
  const inHead = (groupOfLastAxis(graph, x)?.members ?? []).map(({ param }) => param).filter(isScored);
  if (aggregation === 'first') return inHead.slice(0, 1);
  if (aggregation === 'second') return inHead.slice(1, 2);
  return aggregation === 'last' ? inHead.slice(-1) : all;
}

function partFinder(family: Family, config: ModelConfig): (param: string) => NetworkPart {
  const embedding = embedGraph(family, config).graph.params;
  const head = headGraph(family, config).graph.params;
  const prefixes = config.layers.map((_, layer) => family.layerPrefix(layer));
  return (param) => {
    if (embedding.has(param)) return 'embedding';
    return head.has(param) ? 'head' : prefixes.findIndex((prefix) => param.startsWith(prefix));
  };
}

const isMatrix = (graph: GraphBuilder, param: string): boolean => graph.params.get(param)?.axes.length === 2;

/** A weight by its role in some op, not a bias. */
const isWeight = (graph: GraphBuilder, param: string): boolean =>
  graph.nodes.some(({ inputs }) => inputs.weight?.name === param);
