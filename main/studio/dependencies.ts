import {
  collapseLayers,
  type CollapsedChain,
  type Place,
  type PlacedName,
} from '../engine/derive/collapsed-chain.ts';
import {
  dependencyChain,
  isLocked,
  type ChainStart,
  type DependencyChain,
} from '../engine/derive/dependency-chain.ts';
import { shapeOf, type GraphBuilder } from '../engine/ir/graph.ts';
import { layerGroups, type LayerGroup } from '../engine/prune/layer-groups.ts';
import { modelGraph } from '../engine/runtime/model-graph.ts';
import type { InspectedModel } from './inspect-model.ts';

type Described = Pick<InspectedModel, 'family' | 'config'>;

/** The weights of a layer, or of what comes before or after the layers. */
export interface WeightsPart {
  readonly place: Place;
  readonly weights: readonly {
    readonly name: string;
    readonly label: string;
    readonly shape: readonly number[];
  }[];
  /** The rows that open a KV group and an MLP channel; null outside of the layers. */
  readonly structures: { readonly heads: StructureRows; readonly channels: StructureRows } | null;
}

interface StructureRows {
  readonly param: string;
  readonly rowsPerUnit: number;
}

/** A chain as the window shows it: one layer open, the others collapsed. */
export interface ExploredChain extends CollapsedChain {
  readonly unit: DependencyChain['unit'] | null;
  readonly locks: readonly string[];
  readonly weightCount: number;
  readonly weightsByRule: number;
  readonly parameters: number;
  readonly lit: LitChain;
}

/** What the model map shows of a chain. */
interface LitChain {
  readonly layers: readonly number[];
  readonly embedding: boolean;
  readonly head: boolean;
  readonly kvHead: number | null;
  readonly channel: number | null;
}

const nothingLit: LitChain = { layers: [], embedding: false, head: false, kvHead: null, channel: null };

/** The dependencies of one model, read out of its whole graph: config.json is enough. */
export class ModelDependencies {
  private readonly graph: GraphBuilder;
  private readonly placed: (name: string) => PlacedName;

  constructor(private readonly model: Described) {
    this.graph = modelGraph(model.family, model.config).graph;
    this.placed = placing(model, this.graph);
  }

  weights(): WeightsPart[] {
    const parts = new Map<Place, WeightsPart['weights'][number][]>();
    const inOrderOfUse = this.graph.nodes.flatMap(({ inputs }) =>
      Object.values(inputs).filter(({ kind }) => kind === 'param'),
    );
    for (const value of new Set(inOrderOfUse)) {
      const { place, label } = this.placed(value.name);
      const weight = { name: value.name, label, shape: shapeOf(value) as number[] };
      parts.set(place, [...(parts.get(place) ?? []), weight]);
    }
    const inOrder = [...parts].sort(([a], [b]) => rankOf(a) - rankOf(b));
    return inOrder.map(([place, weights]) => ({ place, weights, structures: this.structures(place) }));
  }

  /** @throws EngineError graph-invalid where the model has no such row or column. */
  chain(start: ChainStart, openLayer: number): ExploredChain {
    const found = dependencyChain(this.graph, start);
    if (isLocked(found)) {
      const nothing = { vertices: [], edges: [], weightCount: 0, weightsByRule: 0, parameters: 0 };
      return { ...nothing, unit: null, locks: found.locks, lit: nothingLit };
    }
    const namesIn = (vertices: DependencyChain['vertices']): number =>
      new Set(vertices.flatMap(({ params }) => params.map(({ name }) => name))).size;
    return {
      ...collapseLayers(found, this.placed, openLayer),
      unit: found.unit,
      locks: found.wholeBecause,
      weightCount: namesIn(found.vertices),
      weightsByRule: namesIn(found.vertices.filter(({ byRule }) => byRule)),
      parameters: found.parameters,
      lit: this.lit(found),
    };
  }

  private structures(place: Place): WeightsPart['structures'] {
    if (typeof place !== 'number') return null;
    const { attention, mlp } = this.groupsOf(place);
    const rowsOf = ({ scored, unitSize }: LayerGroup): StructureRows => ({
      param: this.model.family.layerPrefix(place) + scored[0].param,
      rowsPerUnit: unitSize,
    });
    return { heads: rowsOf(attention), channels: rowsOf(mlp) };
  }

  private lit({ vertices, unit }: DependencyChain): LitChain {
    const places = new Set(vertices.map(({ node }) => this.placed(node).place));
    const layers = [...places].filter((place) => typeof place === 'number').sort((a, b) => a - b);
    const lit = { ...nothingLit, layers, embedding: places.has('embedding'), head: places.has('head') };
    if (layers.length !== 1 || lit.embedding || lit.head) return lit;
    const members = vertices.flatMap(({ params }) => params);
    const isOf = ({ group, units }: LayerGroup): boolean =>
      units === unit.count &&
      members.some(({ name, dim }) =>
        group.members.some((member) => member.param === this.placed(name).label && member.dim === dim),
      );
    const { attention, mlp } = this.groupsOf(layers[0]);
    if (isOf(attention)) return { ...lit, kvHead: unit.index };
    return isOf(mlp) ? { ...lit, channel: unit.index } : lit;
  }

  private groupsOf(layer: number): ReturnType<typeof layerGroups> {
    const { family, config } = this.model;
    return layerGroups(family, config, config.layers[layer]);
  }
}

/** Names of a layer carry its prefix; others belong before the layers or behind them, as the graph has them in order. */
function placing({ family, config }: Described, graph: GraphBuilder): (name: string) => PlacedName {
  const prefixes = config.layers.map((_, layer) => family.layerPrefix(layer));
  const layerOf = (name: string): number => prefixes.findIndex((prefix) => name.startsWith(prefix));
  const firstOfLayers = graph.nodes.findIndex(({ name }) => layerOf(name) >= 0);
  const early = new Set(
    graph.nodes
      .slice(0, Math.max(0, firstOfLayers))
      .flatMap((node) => [node.name, ...Object.values(node.inputs).map(({ name }) => name)]),
  );
  const known = new Map<string, PlacedName>();
  const place = (name: string): PlacedName => {
    const layer = layerOf(name);
    if (layer >= 0) return { place: layer, label: name.slice(prefixes[layer].length) };
    return { place: early.has(name) ? 'embedding' : 'head', label: name };
  };
  return (name) => {
    const told = known.get(name) ?? place(name);
    known.set(name, told);
    return told;
  };
}

function rankOf(place: Place): number {
  if (typeof place === 'number') return place;
  return place === 'embedding' ? -1 : Infinity;
}
