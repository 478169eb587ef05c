import { atomsOf, coordinatesOf, partsOf, resolve, sizeOf, type Atom, type Axis } from '../ir/axes.ts';
import type { GraphBuilder, Value } from '../ir/graph.ts';

/** One dimension of a parameter that loses indices when a unit of the group goes. */
export interface GroupMember {
  readonly param: string;
  /** Dimension of the parameter; for a linear weight 0 is rows (outputs), 1 is columns (inputs). */
  readonly dim: number;
  readonly axis: Axis;
  /** The unit each index of that dimension belongs to, or -1 where it belongs to none. [size of the dimension] */
  readonly unitOf: Int32Array;
}

/** Structures that depend on each other and are pruned together: unit u of every member goes, or none. */
export interface CoupledGroup {
  readonly unit: Atom;
  readonly unitCount: number;
  /** In the order in which the network executes them. */
  readonly members: readonly GroupMember[];
}

/**
 * The coupled groups of a graph: the axes that unification found to be one (the undirected closure of the paper's
 * dependency rule, section 3.1), without the locked ones. Members are ordered by first use.
 */
export function deriveGroups(graph: GraphBuilder): CoupledGroup[] {
  const found = new Map<Atom, { param: Value; dim: number; axis: Axis }[]>();
  for (const param of paramsInOrderOfUse(graph)) {
    param.axes.forEach((axis, dim) => {
      for (const unit of atomsOf(axis)) {
        if (unit.lock !== undefined) continue;
        found.set(unit, [...(found.get(unit) ?? []), { param, dim, axis }]);
      }
    });
  }
  return [...found].map(([unit, members]) => ({
    unit,
    unitCount: sizeOf(unit) as number,
    members: members.map(({ param, dim, axis }) => ({
      param: param.name,
      dim,
      axis: resolve(axis),
      unitOf: coordinatesOf(axis, unit),
    })),
  }));
}

/**
 * The group that a published starting point opens: the outermost unlocked unit of the rows of `param`, a head of
 * q_proj or k_proj, a channel of gate_proj.
 * @param unitCount Of the group that is meant, where it is known: an only head is no choice, and the dimensions within
 *   it must not take its place.
 */
export function groupRootedAt(
  groups: readonly CoupledGroup[],
  param: string,
  unitCount?: number,
): CoupledGroup | undefined {
  const candidates = groups.filter((group) => group.members.some((member) => isRowsOf(member, param)));
  if (unitCount !== undefined) return candidates.find((group) => group.unitCount === unitCount);
  const rows = candidates[0]?.members.find((member) => isRowsOf(member, param));
  const outermost = rows && atomsOf(rows.axis).find((unit) => unit.lock === undefined && sizeOf(unit) !== 1);
  return candidates.find(({ unit }) => unit === outermost) ?? candidates[0];
}

/**
 * A member as the structures that it would be if its weight were not fused: queries, keys and values, gate and up. Each
 * has the indices of its own part, in order; a member that is not fused is itself.
 */
export function separated(member: GroupMember): GroupMember[] {
  const { count, partOf } = partsOf(member.axis);
  if (count === 1) return [member];
  return Array.from({ length: count }, (_, part) => ({
    ...member,
    unitOf: member.unitOf.map((unit, i) => (partOf[i] === part ? unit : -1)),
  })).filter(({ unitOf }) => unitOf.some((unit) => unit >= 0));
}

function isRowsOf(member: GroupMember, param: string): boolean {
  return member.param === param && member.dim === 0;
}

function paramsInOrderOfUse(graph: GraphBuilder): Value[] {
  const params = graph.nodes.flatMap((node) =>
    Object.values(node.inputs).filter(({ kind }) => kind === 'param'),
  );
  return [...new Set(params)];
}
