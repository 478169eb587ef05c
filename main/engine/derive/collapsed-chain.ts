import type { IndexRange } from '../ir/axes.ts';
import type { ChainEdge, ChainMember, ChainVertex, DependencyChain } from './dependency-chain.ts';

/** Where a name of the graph belongs: a decoder layer, or before or after them all. */
export type Place = number | 'embedding' | 'head';

/** A name without its layer's prefix, and where it belongs. */
export interface PlacedName {
  readonly place: Place;
  readonly label: string;
}

export interface CollapsedMember extends ChainMember {
  readonly label: string;
  /** Layers that have it alike; 1 outside of collapsed ones. */
  readonly layers: number;
}

/** A vertex of the chain, or all the vertices of neighbouring layers in one. */
export interface CollapsedVertex extends Omit<ChainVertex, 'params' | 'node' | 'via'> {
  readonly place: Place | readonly [first: number, last: number];
  readonly params: readonly CollapsedMember[];
  /** How many vertices of the chain it stands for. */
  readonly stands: number;
}

/** Edges of the chain with the same two ends. */
export interface CollapsedEdge {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly parts: readonly ChainEdge[];
}

export interface CollapsedChain {
  readonly vertices: readonly CollapsedVertex[];
  readonly edges: readonly CollapsedEdge[];
}

/** Two layers are seen at once; of more, those that are not open become one vertex on each side of it. */
const shownLayers = 1;

/**
 * A chain through many layers with one of them open: the layers before it are one vertex, and so are those after it,
 * so that the picture of 80 layers is that of three.
 * @param open The layer to show; another one where the chain does not go through it.
 */
export function collapseLayers(
  { vertices, edges }: DependencyChain,
  placed: (name: string) => PlacedName,
  open: number,
): CollapsedChain {
  const layers = [...new Set(vertices.map(({ node }) => placed(node).place))].filter(
    (place) => typeof place === 'number',
  );
  const shown = layers.length <= shownLayers || layers.includes(open) ? open : layers[0];
  const groups = new Map<string, ChainVertex[]>();
  const groupOf = new Map<string, string>();
  for (const vertex of vertices) {
    const { place } = placed(vertex.node);
    const isOpen = layers.length <= shownLayers || typeof place !== 'number' || place === shown;
    const id = isOpen ? vertex.id : place < shown ? 'layers before' : 'layers after';
    groups.set(id, [...(groups.get(id) ?? []), vertex]);
    groupOf.set(vertex.id, id);
  }
  return {
    vertices: [...groups].map(([id, group]) => {
      const isOne = id === group[0].id;
      return isOne ? openVertex(group[0], placed) : layersVertex(id, group, placed);
    }),
    edges: collapsedEdges(edges, groupOf),
  };
}

function openVertex(vertex: ChainVertex, placed: (name: string) => PlacedName): CollapsedVertex {
  const { id, node, op, params, activation, step, byRule, inDegree, outDegree } = vertex;
  const named = params.map((member) => ({ ...member, label: placed(member.name).label, layers: 1 }));
  const { place } = placed(node);
  return { id, op, place, params: named, activation, step, byRule, inDegree, outDegree, stands: 1 };
}

function layersVertex(
  id: string,
  group: readonly ChainVertex[],
  placed: (name: string) => PlacedName,
): CollapsedVertex {
  const layers = group.map(({ node }) => placed(node).place).filter((place) => typeof place === 'number');
  const alike = new Map<string, CollapsedMember>();
  for (const member of group.flatMap(({ params }) => params)) {
    const { label } = placed(member.name);
    const key = [label, member.dim, member.shape.join(' '), written(member.ranges)].join('|');
    alike.set(key, { ...member, label, layers: (alike.get(key)?.layers ?? 0) + 1 });
  }
  return {
    id,
    op: 'layers',
    place: [Math.min(...layers), Math.max(...layers)],
    params: [...alike.values()],
    activation: null,
    step: Math.min(...group.map(({ step }) => step)),
    byRule: group.every(({ byRule }) => byRule),
    inDegree: 0,
    outDegree: 0,
    stands: group.length,
  };
}

function collapsedEdges(edges: readonly ChainEdge[], groupOf: ReadonlyMap<string, string>): CollapsedEdge[] {
  const collapsed = new Map<string, CollapsedEdge>();
  for (const edge of edges) {
    const from = groupOf.get(edge.from);
    const to = groupOf.get(edge.to);
    if (from === undefined || to === undefined || from === to) continue;
    const id = `${from} -> ${to}`;
    collapsed.set(id, { id, from, to, parts: [...(collapsed.get(id)?.parts ?? []), edge] });
  }
  return [...collapsed.values()];
}

const written = (ranges: readonly IndexRange[]): string => ranges.map((range) => range.join('-')).join(' ');
