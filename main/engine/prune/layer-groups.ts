import { EngineError } from '../errors.ts';
import {
  deriveGroups,
  groupRootedAt,
  separated,
  type CoupledGroup,
  type GroupMember,
} from '../derive/groups.ts';
import type { Family, LayerShape, ModelConfig } from '../families/family.ts';
import { atomsOf, coordinatesOf, resolve, sizeOf, type Atom } from '../ir/axes.ts';
import { blockGraph } from '../runtime/model-graph.ts';
import type { AttentionUnit } from './prune-settings.ts';
import { prunesQueryHeads } from './structures.ts';

/** What block-wise pruning removes: heads, MLP channels. */
export type StructureKind = 'attention' | 'mlp';

/** A layer's group of one kind; parameter names are without the layer's prefix. */
export interface LayerGroup {
  readonly kind: StructureKind;
  readonly units: number;
  /** Channels of one unit in the root: head_dim, or 1. */
  readonly unitSize: number;
  readonly group: CoupledGroup;
  /**
   * The linear weights that are scored: the root first, then in order of execution. The parts of a fused weight are
   * scored one by one, as the same network with separate weights would be.
   */
  readonly scored: readonly GroupMember[];
  /**
   * Which of them the published code finds next to the root: it follows a head's values to o_proj's columns before it
   * comes back to the other projections, and a channel to up_proj, which gate_proj is multiplied by.
   */
  readonly second: number;
}

/**
 * The groups that the published starting points open in one layer.
 * @param unit `query-head`: where query heads share a KV head, each is a unit of its own, without keys and values.
 */
export function layerGroups(
  family: Family,
  config: ModelConfig,
  shape: LayerShape,
  unit: AttentionUnit = 'group',
): Record<StructureKind, LayerGroup> {
  const { graph } = blockGraph(family, config, shape);
  const groups = deriveGroups(graph);
  const roots = family.groupRoots(shape);
  const matrices = new Set(
    [...graph.params.values()].filter(({ axes }) => axes.length === 2).map(({ name }) => name),
  );
  const make = (kind: StructureKind): LayerGroup => {
    const root = roots[kind];
    const units = kind === 'attention' ? shape.kvHeads : shape.mlpWidth;
    const whole = groupRootedAt(groups, root, units);
    if (!whole) throw new EngineError('graph-invalid', `No group of coupled structures starts at ${root}.`);
    const isFiner = kind === 'attention' && prunesQueryHeads(shape, unit);
    const group = isFiner ? queryHeadsOf(whole) : whole;
    const members = group.members.filter((member) => matrices.has(member.param)).flatMap(separated);
    const first = rootAmong(members.filter(({ param, dim }) => dim === 0 && (isFiner || param === root)));
    const scored = [first, ...members.filter((member) => member !== first)];
    return {
      kind,
      units: group.unitCount,
      unitSize: indicesOf(first) / group.unitCount,
      group,
      scored,
      second: kind === 'attention' ? scored.length - 1 : 1,
    };
  };
  return { attention: make('attention'), mlp: make('mlp') };
}

/**
 * The query heads of a group of KV heads, head after head: what has rows or columns of theirs, without keys and values.
 * They are the axis right inside the unit where what attention gives out is read.
 */
function queryHeadsOf({ unit, unitCount, members }: CoupledGroup): CoupledGroup {
  const reader = resolve(members.filter(({ dim }) => dim === 1)[0].axis);
  const factors = reader.kind === 'product' ? reader.factors : [];
  const [within] = factors.slice(factors.indexOf(unit) + 1).flatMap(atomsOf) as [Atom, ...Atom[]];
  const perKvHead = sizeOf(within) as number;
  const finer = members.map((member): GroupMember => {
    const inKvHead = coordinatesOf(member.axis, within);
    return {
      ...member,
      unitOf: member.unitOf.map((kv, i) => (inKvHead[i] < 0 ? -1 : kv * perKvHead + inKvHead[i])),
    };
  });
  return {
    unit: within,
    unitCount: unitCount * perKvHead,
    members: finer.filter(({ unitOf }) => unitOf.some((head) => head >= 0)),
  };
}

/** Of a fused weight the part with the fewest rows is the root: the keys where several queries share one, else the queries. */
function rootAmong(parts: readonly GroupMember[]): GroupMember {
  return parts.reduce((least, part) => (indicesOf(part) < indicesOf(least) ? part : least));
}

const indicesOf = ({ unitOf }: GroupMember): number => unitOf.filter((unit) => unit >= 0).length;
