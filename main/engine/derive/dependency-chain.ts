import { EngineError } from '../errors.ts';
import {
  atomsOf,
  coordinatesOf,
  rangesOf,
  sizeOf,
  type Atom,
  type Axis,
  type IndexRange,
} from '../ir/axes.ts';
import { shapeOf, type GraphBuilder } from '../ir/graph.ts';
import { elementsOf } from './cost.ts';
import { facetGraph, type FacetEdge, type FacetGraph, type Touch } from './facets.ts';

/** A row (dimension 0) or column (dimension 1) of a parameter; the one dimension of a vector is 0. */
export interface ChainStart {
  readonly param: string;
  readonly dim: number;
  readonly index: number;
}

/** Indices of one dimension of a tensor that go with the chain. */
export interface ChainMember {
  readonly name: string;
  /** 'batch' and 'sequence' stand for themselves. */
  readonly shape: readonly (number | string)[];
  readonly dim: number;
  readonly ranges: readonly IndexRange[];
}

/** One side of an op that loses indices: a weight's rows or columns, a vector, an activation. */
export interface ChainVertex {
  readonly id: string;
  /** Name of the op's node in the graph. */
  readonly node: string;
  readonly op: string;
  readonly params: readonly ChainMember[];
  /** What comes out of the op there, or, where nothing of it does, what goes in. */
  readonly activation: ChainMember | null;
  /** Edges from the chosen weight. */
  readonly step: number;
  /** Whether the paper's rule alone, applied over and over, comes here from the chosen weight. */
  readonly byRule: boolean;
  /** Vertices that feed this one, and that it feeds, with the indices in question. */
  readonly inDegree: number;
  readonly outDegree: number;
  /** The edge on which the chain came here; null at the chosen weight. */
  readonly via: string | null;
}

/**
 * What carries the chain over an edge. The paper's rule (section 3.1): the consumer depends on its producer where its
 * in-degree is 1 (`forward`); the producer depends on its consumer where its out-degree is 1 (`backward`). `beyond`:
 * the degree in the direction of travel is higher, and the indices are the same all the same. `shared`: no edge but one
 * tensor that is used twice.
 */
export type ChainRule = 'forward' | 'backward' | 'beyond' | 'shared';

/** An edge of the graph between two vertices of the chain, in the direction of the data. */
export interface ChainEdge {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** The way the chain took: with the data or against it. */
  readonly travelled: 'forward' | 'backward';
  readonly rule: ChainRule;
  /** Of the producer. */
  readonly outDegree: number;
  /** Of the consumer. */
  readonly inDegree: number;
}

/** What one row or column pulls along. */
export interface DependencyChain {
  /** The structure that the chosen index belongs to: number `index` of `count`. */
  readonly unit: { readonly index: number; readonly count: number };
  /** Why the structure goes as a whole where it is more than one index: locks of its inner axes. */
  readonly wholeBecause: readonly string[];
  /** In the order in which the network computes. */
  readonly vertices: readonly ChainVertex[];
  readonly edges: readonly ChainEdge[];
  /** Numbers of the model that go, a tensor that is used twice counted once. */
  readonly parameters: number;
}

/** Nothing goes, and why. */
export interface LockedStart {
  readonly locks: readonly string[];
}

/**
 * The chain that a row or column pulls along in `graph`, which should be the whole network: degrees count what the
 * graph holds. Its vertices are those that unification tied to the chosen index, the undirected closure of the paper's
 * rule; each edge says whether the rule itself would have taken it.
 * @throws EngineError graph-invalid where the parameter has no such row or column.
 */
export function dependencyChain(graph: GraphBuilder, start: ChainStart): DependencyChain | LockedStart {
  const axis = axisOf(graph, start);
  const here = atomsOf(axis).filter(
    (part) => sizeOf(part) !== 1 && coordinateAt(axis, part, start.index) >= 0,
  );
  // As published groups do: the outermost structure that can go, a head and not a dimension within it.
  const unit = here.find(({ lock }) => lock === undefined);
  const locks = (parts: readonly Atom[]): string[] => [
    ...new Set(parts.flatMap(({ lock }) => (lock === undefined ? [] : [lock]))),
  ];
  if (unit === undefined) return { locks: locks(atomsOf(axis)) };
  const index = coordinateAt(axis, unit, start.index);
  const facets = facetGraph(graph, unit);
  const { steps, via } = stepsFrom(facets, start);
  const reached = ruleClosure(facets, start);
  const memberOf = ({ value, dim }: Touch): ChainMember => ({
    name: value.name,
    shape: shapeOf(value),
    dim,
    ranges: rangesOf(value.axes[dim], unit, index),
  });
  const vertices = facets.vertices
    .filter(({ id }) => steps.has(id))
    .map(({ id, node, touches, inDegree, outDegree }): ChainVertex => {
      const activations = touches.filter(({ value }) => value.kind !== 'param');
      const activation = activations.find(({ side }) => side === 'output') ?? activations[0];
      return {
        id,
        node: node.name,
        op: node.op.type,
        params: touches.filter(({ value }) => value.kind === 'param').map(memberOf),
        activation: activation === undefined ? null : memberOf(activation),
        step: steps.get(id) ?? 0,
        byRule: reached.has(id),
        inDegree,
        outDegree,
        via: via.get(id) ?? null,
      };
    });
  return {
    unit: { index, count: sizeOf(unit) as number },
    wholeBecause: locks(here.filter((part) => part !== unit)),
    vertices,
    edges: facets.edges.filter(({ from }) => steps.has(from)).map((edge) => chainEdge(edge, facets, steps)),
    parameters: parametersOf(graph, vertices),
  };
}

export function isLocked(found: DependencyChain | LockedStart): found is LockedStart {
  return 'locks' in found;
}

function axisOf(graph: GraphBuilder, { param, dim, index }: ChainStart): Axis {
  const value = graph.params.get(param);
  const axis = value?.axes[dim];
  const size = axis && sizeOf(axis);
  if (axis !== undefined && typeof size === 'number' && index < size && index >= 0) return axis;
  const found =
    value === undefined ? 'no such parameter' : `a parameter of shape ${shapeOf(value).join(' x ')}`;
  throw new EngineError(
    'graph-invalid',
    `Index ${index} of dimension ${dim} of ${param} is not in the model: found ${found}.`,
    { param, dim, index },
  );
}

function coordinateAt(axis: Axis, part: Atom, index: number): number {
  return typeof sizeOf(part) === 'number' ? coordinatesOf(axis, part)[index] : -1;
}

function isAtStart(touches: readonly Touch[], { param, dim }: ChainStart): boolean {
  return touches.some(({ value, dim: at }) => value.name === param && at === dim);
}

/** Breadth first, over edges both ways; of two that come first, one that the rule takes is preferred. */
function stepsFrom(
  { vertices, edges, degrees }: FacetGraph,
  start: ChainStart,
): { steps: Map<string, number>; via: Map<string, string> } {
  const steps = new Map<string, number>();
  const via = new Map<string, string>();
  let front = vertices.filter(({ touches }) => isAtStart(touches, start)).map(({ id }) => id);
  for (const id of front) steps.set(id, 0);
  const neighbours = new Map<string, { id: string; edge: FacetEdge; isByRule: boolean }[]>();
  const add = (from: string, to: string, edge: FacetEdge, isByRule: boolean): void => {
    neighbours.set(from, [...(neighbours.get(from) ?? []), { id: to, edge, isByRule }]);
  };
  for (const edge of edges) {
    add(edge.from, edge.to, edge, edge.isShared || degrees.in(edge.to) === 1);
    add(edge.to, edge.from, edge, edge.isShared || degrees.out(edge.from) === 1);
  }
  for (let step = 1; front.length > 0; step++) {
    const next = front
      .flatMap((id) => neighbours.get(id) ?? [])
      .sort((a, b) => Number(b.isByRule) - Number(a.isByRule))
      .filter(({ id, edge }) => {
        if (steps.has(id)) return false;
        steps.set(id, step);
        via.set(id, edge.id);
        return true;
      });
    front = next.map(({ id }) => id);
  }
  return { steps, via };
}

/** Where the paper's rule alone comes to. A tensor that is used twice is one neuron. */
function ruleClosure({ vertices, edges, degrees }: FacetGraph, start: ChainStart): Set<string> {
  const reached = new Set(vertices.filter(({ touches }) => isAtStart(touches, start)).map(({ id }) => id));
  for (let before = -1; before !== reached.size;) {
    before = reached.size;
    for (const { from, to, isShared } of edges) {
      if (reached.has(from) && (isShared || degrees.in(to) === 1)) reached.add(to);
      if (reached.has(to) && (isShared || degrees.out(from) === 1)) reached.add(from);
    }
  }
  return reached;
}

function chainEdge(
  { id, from, to, isShared }: FacetEdge,
  { degrees }: FacetGraph,
  steps: ReadonlyMap<string, number>,
): ChainEdge {
  const inDegree = degrees.in(to);
  const outDegree = degrees.out(from);
  const travelled = (steps.get(from) ?? 0) <= (steps.get(to) ?? 0) ? 'forward' : 'backward';
  const degree = travelled === 'forward' ? inDegree : outDegree;
  const rule = isShared ? 'shared' : degree === 1 ? travelled : 'beyond';
  return { id, from, to, travelled, rule, outDegree, inDegree };
}

function parametersOf(graph: GraphBuilder, vertices: readonly ChainVertex[]): number {
  const members = new Map(
    vertices.flatMap(({ params }) => params.map((member) => [`${member.name} ${member.dim}`, member])),
  );
  let total = 0;
  for (const { name, shape, dim, ranges } of members.values()) {
    const param = graph.params.get(name);
    if (param === undefined) continue;
    total += (elementsOf(param) / (shape[dim] as number)) * countOf(ranges);
  }
  return total;
}

/** How many indices lie in ranges. */
export function countOf(ranges: readonly IndexRange[]): number {
  return ranges.reduce((total, [from, to]) => total + to - from, 0);
}
