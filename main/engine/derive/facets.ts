import { atomsOf, type Atom, type Axis } from '../ir/axes.ts';
import type { GraphBuilder, GraphNode, Value } from '../ir/graph.ts';
import type { DimPattern, PortPattern } from '../ir/signature.ts';

/** A dimension of an op's input or output that holds the unit. */
export interface Touch {
  readonly side: 'input' | 'output';
  readonly value: Value;
  readonly dim: number;
}

/**
 * One side of an op: its dimensions that lose indices together. Rows and columns of a linear weight are two, since its
 * inputs and outputs have no axis in common.
 */
export interface Facet {
  readonly id: string;
  readonly node: GraphNode;
  readonly touches: readonly Touch[];
  /** Results that come in along the unit, and ops that read what goes out along it. */
  readonly inDegree: number;
  readonly outDegree: number;
}

export interface FacetEdge {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** No data goes from one to the other: both read the same parameter. */
  readonly isShared: boolean;
}

/** The part of a graph that one unit's axis runs through. */
export interface FacetGraph {
  readonly vertices: readonly Facet[];
  readonly edges: readonly FacetEdge[];
  readonly degrees: { in(id: string): number; out(id: string): number };
}

interface FacetTouch extends Touch {
  readonly facet: string;
}

/** Facets in the order in which the network computes, with the edges between them. */
export function facetGraph(graph: GraphBuilder, unit: Atom): FacetGraph {
  const holds = holdingOf(unit);
  const found = graph.nodes.flatMap((node) => {
    const touches = touchesOf(node, holds);
    return [...new Set(touches.map(({ facet }) => facet))].map((facet) => ({
      id: `${node.name} ${facet}`,
      node,
      touches: touches.filter((touch) => touch.facet === facet),
    }));
  });
  const placeOf = ({ value, dim }: Touch): string => `${value.name} ${dim}`;
  const producers = new Map<string, string>();
  const readers = new Map<string, string[]>();
  for (const { id, touches } of found) {
    for (const touch of touches) {
      const place = placeOf(touch);
      if (touch.side === 'output') producers.set(place, id);
      else readers.set(place, [...(readers.get(place) ?? []), id]);
    }
  }
  const edges = new Map<string, FacetEdge>();
  const addEdge = (from: string, to: string, isShared: boolean): void => {
    const id = `${from} -> ${to}`;
    if (from !== to && !edges.has(id)) edges.set(id, { id, from, to, isShared });
  };
  for (const [place, ids] of readers) {
    const producer = producers.get(place);
    if (producer !== undefined) for (const id of ids) addEdge(producer, id, false);
    else ids.slice(1).forEach((id, i) => addEdge(ids[i], id, true));
  }
  const vertices = found.map((facet): Facet => {
    const incoming = facet.touches.filter((touch) => touch.side === 'input' && producers.has(placeOf(touch)));
    const outgoing = facet.touches.filter(({ side }) => side === 'output');
    const outDegree = outgoing.reduce((sum, touch) => sum + (readers.get(placeOf(touch))?.length ?? 0), 0);
    return { ...facet, inDegree: incoming.length, outDegree };
  });
  const byId = new Map(vertices.map((vertex) => [vertex.id, vertex]));
  return {
    vertices,
    edges: [...edges.values()],
    degrees: {
      in: (id) => byId.get(id)?.inDegree ?? 0,
      out: (id) => byId.get(id)?.outDegree ?? 0,
    },
  };
}

/** Whether an axis holds the unit; asked of the same axes again and again. */
function holdingOf(unit: Atom): (axis: Axis) => boolean {
  const known = new Map<Axis, boolean>();
  return (axis) => {
    const told = known.get(axis) ?? atomsOf(axis).includes(unit);
    known.set(axis, told);
    return told;
  };
}

function touchesOf(node: GraphNode, holds: (axis: Axis) => boolean): FacetTouch[] {
  const { inputs, outputs } = node.op.signature;
  const dims = [
    ...inputs.flatMap((port) => dimsOf(port, node.inputs[port.name], 'input')),
    ...outputs.flatMap((port) => dimsOf(port, node.outputs[port.name], 'output')),
  ].filter(({ value, dim }) => holds(value.axes[dim]));
  const named = dims.map(({ names, ...touch }) => ({
    ...touch,
    names: names.filter(
      (name) => name.startsWith('...') || holds(node.axes.get(name) ?? touch.value.axes[touch.dim]),
    ),
  }));
  const joined = joinedNames(named.map(({ names }) => names));
  return named.map(({ names, ...touch }) => ({ ...touch, facet: joined.get(names[0]) ?? names[0] }));
}

/** A dimension as the signature writes it, (q + k + v), is one side: its names stand for each other. */
function joinedNames(dims: readonly (readonly string[])[]): Map<string, string> {
  const joined = new Map<string, string>();
  for (const names of dims) {
    const heads = names.map((name) => joined.get(name) ?? name);
    const head = heads[0];
    for (const name of names) joined.set(name, head);
    for (const [name, known] of joined) if (heads.includes(known)) joined.set(name, head);
  }
  return joined;
}

/** Every dimension of a port's value with the names that the signature has for it. */
function dimsOf(port: PortPattern, value: Value, side: Touch['side']): (Touch & { names: string[] })[] {
  const restCount = value.axes.length - (port.dims.length - 1);
  const names = port.dims.flatMap((pattern) =>
    pattern.kind === 'rest' ? Array.from({ length: restCount }, (_, i) => [`...${i}`]) : [namesOf(pattern)],
  );
  return names.map((of, dim) => ({ side, value, dim, names: of }));
}

function namesOf(pattern: DimPattern): string[] {
  if (pattern.kind === 'axis') return [pattern.name];
  if (pattern.kind === 'rest') return [];
  return (pattern.kind === 'product' ? pattern.factors : pattern.terms).flatMap(namesOf);
}
