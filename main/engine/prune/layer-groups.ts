import { EngineError } from '../errors.ts';
import { deriveGroups, groupRootedAt, type CoupledGroup, type GroupMember } from '../derive/groups.ts';
import type { Family, LayerShape, ModelConfig } from '../families/family.ts';
import { blockGraph } from '../runtime/model-graph.ts';

/** What block-wise pruning removes: whole heads (with GQA whole KV heads and their query heads), MLP channels. */
export type StructureKind = 'attention' | 'mlp';

/** A layer's group of one kind; parameter names are without the layer's prefix. */
export interface LayerGroup {
  readonly kind: StructureKind;
  readonly units: number;
  /** Channels of one unit in the root: head_dim, or 1. */
  readonly unitSize: number;
  readonly group: CoupledGroup;
  /** The linear weights that are scored: the root first, then in order of execution. */
  readonly scored: readonly GroupMember[];
  /**
   * Which of them the published code finds next to the root: it follows a head's values to o_proj's columns before it
   * comes back to the other projections, and a channel to up_proj, which gate_proj is multiplied by.
   */
  readonly second: number;
}

/** The groups that the published starting points open in one layer. */
export function layerGroups(
  family: Family,
  config: ModelConfig,
  shape: LayerShape,
): Record<StructureKind, LayerGroup> {
  const { graph } = blockGraph(family, config, shape);
  const groups = deriveGroups(graph);
  const roots = family.groupRoots(shape);
  const matrices = new Set(
    [...graph.params.values()].filter(({ axes }) => axes.length === 2).map(({ name }) => name),
  );
  const make = (kind: StructureKind): LayerGroup => {
    const root = roots[kind];
    const group = groupRootedAt(groups, root);
    if (!group) throw new EngineError('graph-invalid', `No group of coupled structures starts at ${root}.`);
    const isRoot = (member: GroupMember): boolean => member.param === root && member.dim === 0;
    const rest = group.members.filter((member) => matrices.has(member.param) && !isRoot(member));
    const scored = [...group.members.filter(isRoot), ...rest];
    return {
      kind,
      units: group.unitCount,
      unitSize: scored[0].unitOf.length / group.unitCount,
      group,
      scored,
      second: kind === 'attention' ? scored.length - 1 : 1,
    };
  };
  return { attention: make('attention'), mlp: make('mlp') };
}
