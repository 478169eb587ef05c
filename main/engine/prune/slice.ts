import type { TensorSource } from '../checkpoint/write-checkpoint.ts';
import type { Checkpoint, TensorInfo } from '../checkpoint/checkpoint.ts';
import { bytesPerElement, type RawArray } from '../tensor/dtype.ts';
import type { Model } from '../runtime/model.ts';
import { modelGraph } from '../runtime/model-graph.ts';
import { layerGroups, type LayerGroup } from './layer-groups.ts';
import type { LayerPlan, PrunePlan } from './plan.ts';

/** Bytes read at once while copying. */
const copyBlockBytes = 32 * 2 ** 20;

/** Indices that stay along each dimension of a parameter; a dimension that is not cut is left out. */
type Cut = ReadonlyMap<number, readonly number[]>;

/**
 * The weights of the pruned model, in the original's element types and in the order of the network: rows and columns
 * are copied from file to file, a block at a time.
 */
export function slicedTensors(model: Model, plan: PrunePlan): TensorSource[] {
  const cuts = cutsOf(model, plan);
  return [...modelGraph(model.family, model.config).graph.params.keys()].map((name) => {
    const info = model.checkpoint.info(name);
    const cut = cuts.get(name) ?? new Map<number, readonly number[]>();
    return {
      name,
      dtype: info.dtype,
      shape: info.shape.map((size, dim) => cut.get(dim)?.length ?? size),
      data: () => slicedBlocks(model.checkpoint, info, cut),
    };
  });
}

/** Which indices of which dimensions stay, for every member of every group. */
function cutsOf({ family, config }: Model, plan: PrunePlan): Map<string, Map<number, readonly number[]>> {
  const cuts = new Map<string, Map<number, readonly number[]>>();
  plan.layers.forEach((layerPlan, layer) => {
    const groups = layerGroups(family, config, config.layers[layer]);
    for (const group of Object.values(groups)) {
      const units = keptUnits(group, layerPlan);
      if (units.length === group.units) continue;
      const kept = new Set(units);
      for (const { param, dim, unitOf } of group.group.members) {
        const name = family.layerPrefix(layer) + param;
        const cut = cuts.get(name) ?? new Map<number, readonly number[]>();
        cut.set(
          dim,
          indicesWhere(unitOf, (unit) => unit < 0 || kept.has(unit)),
        );
        cuts.set(name, cut);
      }
    }
  });
  return cuts;
}

const keptUnits = ({ kind }: LayerGroup, plan: LayerPlan): readonly number[] =>
  kind === 'attention' ? plan.attention.keptKvHeads : plan.mlp.keptChannels;

function indicesWhere(unitOf: Int32Array, stays: (unit: number) => boolean): number[] {
  const indices: number[] = [];
  unitOf.forEach((unit, i) => {
    if (stays(unit)) indices.push(i);
  });
  return indices;
}

async function* slicedBlocks(checkpoint: Checkpoint, info: TensorInfo, cut: Cut): AsyncIterable<Uint8Array> {
  const [rowCount = 1, ...rest] = info.shape;
  const columnCount = rest.reduce((a, b) => a * b, 1);
  const keptColumns = cut.get(1);
  for (const [from, to] of runsOf(cut.get(0), rowCount, blockRows(info, columnCount))) {
    const rows = await checkpoint.readRows(info.name, from, to);
    const block = keptColumns ? pickColumns(rows, columnCount, keptColumns) : rows;
    yield new Uint8Array(block.buffer, block.byteOffset, block.byteLength);
  }
}

const blockRows = (info: TensorInfo, columnCount: number): number =>
  Math.max(1, Math.floor(copyBlockBytes / (columnCount * bytesPerElement[info.dtype])));

/** Consecutive kept rows as ranges [from, to) of at most `most` rows. */
function* runsOf(
  kept: readonly number[] | undefined,
  count: number,
  most: number,
): Iterable<[number, number]> {
  const rows = kept ?? Array.from({ length: count }, (_, i) => i);
  let start = 0;
  for (let i = 1; i <= rows.length; i++) {
    if (i < rows.length && rows[i] === rows[i - 1] + 1 && i - start < most) continue;
    if (i > start) yield [rows[start], rows[i - 1] + 1];
    start = i;
  }
}

function pickColumns(rows: RawArray, columnCount: number, kept: readonly number[]): RawArray {
  const rowCount = rows.length / columnCount;
  const picked =
    rows instanceof Float32Array
      ? new Float32Array(rowCount * kept.length)
      : new Uint16Array(rowCount * kept.length);
  for (let row = 0; row < rowCount; row++) {
    for (let i = 0; i < kept.length; i++) picked[row * kept.length + i] = rows[row * columnCount + kept[i]];
  }
  return picked;
}
