import { Graph, layout } from '@dagrejs/dagre';
import type { Chain } from '../../preload/dependency-contract.ts';

/** Size of a vertex in the picture, in CSS pixels at full size. */
export const vertexSize = { width: 138, height: 46 } as const;

/** The place of a vertex's middle. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The chain in layers, data flowing from top to bottom. */
export function layoutChain({ vertices, edges }: Chain): ReadonlyMap<string, Point> {
  const graph = new Graph();
  graph.setGraph({ rankdir: 'TB', nodesep: 14, ranksep: 40 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id } of vertices) graph.setNode(id, { ...vertexSize });
  for (const { from, to } of edges) graph.setEdge(from, to);
  layout(graph);
  return new Map(
    vertices.map(({ id }) => {
      const { x = 0, y = 0 } = graph.node(id) as Partial<Point>;
      return [id, { x, y }];
    }),
  );
}

/**
 * Where an arrow key leads from a vertex: up and down along its edges, against and with the data, to the nearest; left
 * and right to the next one beside it. Home leads to where the chain began. Null for keys that lead nowhere.
 */
export function vertexAfter(
  chain: Chain,
  places: ReadonlyMap<string, Point>,
  from: string,
  key: string,
): string | null {
  const here = places.get(from);
  if (here === undefined) return null;
  const nearest = (ids: readonly string[]): string | null => {
    const distance = (id: string): number => {
      const { x, y } = places.get(id) ?? here;
      return Math.hypot(x - here.x, y - here.y);
    };
    return [...ids].sort((a, b) => distance(a) - distance(b))[0] ?? null;
  };
  const beside = (side: -1 | 1): string | null => {
    const ids = chain.vertices
      .map(({ id }) => id)
      .filter((id) => side * ((places.get(id)?.x ?? 0) - here.x) > 1);
    const inRow = ids.filter((id) => Math.abs((places.get(id)?.y ?? 0) - here.y) < vertexSize.height / 2);
    return nearest(inRow.length > 0 ? inRow : ids);
  };
  switch (key) {
    case 'ArrowDown':
      return nearest(chain.edges.filter((edge) => edge.from === from).map(({ to }) => to));
    case 'ArrowUp':
      return nearest(chain.edges.filter((edge) => edge.to === from).map((edge) => edge.from));
    case 'ArrowLeft':
      return beside(-1);
    case 'ArrowRight':
      return beside(1);
    case 'Home':
      return chain.vertices.find(({ step }) => step === 0)?.id ?? null;
    default:
      return null;
  }
}
