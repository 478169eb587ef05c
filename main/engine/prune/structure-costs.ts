import { elementsOf } from '../derive/cost.ts';
import type { Family, LayerShape, ModelConfig } from '../families/family.ts';
import type { GraphBuilder } from '../ir/graph.ts';
import { blockGraph, modelGraph } from '../runtime/model-graph.ts';
import type { StructureKind } from './layer-groups.ts';

/** What something takes: parameters, and bytes of them in the checkpoint's element type. */
export interface Size {
  readonly parameters: number;
  readonly bytes: number;
}

/** What goes at once: a head (with GQA a KV head and its query heads), a query head of every KV head, an MLP channel. */
export type UnitKind = StructureKind | 'queryHeads';

/** A layer and one of its units each. */
export type LayerSizes = Readonly<Record<UnitKind | 'whole', Size>>;

/** The sizes of a model's parts: that of a layer is linear in its units, so that widths are solved for by arithmetic. */
export interface StructureCosts {
  readonly total: Size;
  /** A hidden index through the whole network. */
  readonly hidden: Size;
  readonly layers: readonly LayerSizes[];
}

/** From the graphs of config.json: one each for the layers that are alike, and one each with a unit more. */
export function structureCosts(
  family: Family,
  config: ModelConfig,
  bytesPerElementOf: (param: string) => number,
): StructureCosts {
  const known = new Map<string, LayerElements>();
  const layers = config.layers.map((shape, layer): LayerSizes => {
    const key = [shape.heads, shape.kvHeads, shape.mlpWidth].join(' ');
    const elements = known.get(key) ?? layerElements(family, config, shape);
    known.set(key, elements);
    const size = (of: Elements): Size => sizeOf(of, family.layerPrefix(layer), bytesPerElementOf);
    return {
      whole: size(elements.whole),
      attention: size(elements.attention),
      queryHeads: size(elements.queryHeads),
      mlp: size(elements.mlp),
    };
  });
  const ends = elementsIn(modelGraph(family, { ...config, layers: [] }).graph);
  const total = layers.reduce((sum, { whole }) => plus(sum, whole), sizeOf(ends, '', bytesPerElementOf));
  const wider = { ...config, hiddenSize: config.hiddenSize + 1 };
  const hidden = sizeOf(
    difference(elementsIn(modelGraph(family, wider).graph), elementsIn(modelGraph(family, config).graph)),
    '',
    bytesPerElementOf,
  );
  return { total, hidden, layers };
}

/** Elements of parameters by name. */
type Elements = ReadonlyMap<string, number>;
type LayerElements = Readonly<Record<UnitKind | 'whole', Elements>>;

function layerElements(family: Family, config: ModelConfig, shape: LayerShape): LayerElements {
  const of = (changed: LayerShape): Elements => elementsIn(blockGraph(family, config, changed).graph);
  const { heads, kvHeads, mlpWidth } = shape;
  const whole = of(shape);
  const attention = difference(of({ ...shape, kvHeads: kvHeads + 1, heads: heads + heads / kvHeads }), whole);
  return {
    whole,
    attention,
    // Where every head has keys of its own, it does not go without them.
    queryHeads: heads === kvHeads ? attention : difference(of({ ...shape, heads: heads + kvHeads }), whole),
    mlp: difference(of({ ...shape, mlpWidth: mlpWidth + 1 }), whole),
  };
}

const elementsIn = ({ params }: GraphBuilder): Elements =>
  new Map([...params.values()].map((param) => [param.name, elementsOf(param)]));

const difference = (more: Elements, less: Elements): Elements =>
  new Map([...more].map(([name, elements]) => [name, elements - (less.get(name) ?? 0)]));

function sizeOf(elements: Elements, prefix: string, bytesPerElementOf: (param: string) => number): Size {
  let size: Size = { parameters: 0, bytes: 0 };
  for (const [name, count] of elements) {
    if (count > 0) size = plus(size, { parameters: count, bytes: count * bytesPerElementOf(prefix + name) });
  }
  return size;
}

const plus = (a: Size, b: Size): Size => ({
  parameters: a.parameters + b.parameters,
  bytes: a.bytes + b.bytes,
});
