import type { TensorSource } from '../checkpoint/write-checkpoint.ts';
import type { Checkpoint, TensorInfo } from '../checkpoint/checkpoint.ts';
import { bytesPerElement, type RawArray } from '../tensor/dtype.ts';
import { withLayers } from '../runtime/kept-layers.ts';
import type { Model } from '../runtime/model.ts';
import { modelGraph } from '../runtime/model-graph.ts';
import type { GroupMember } from '../derive/groups.ts';
import type { LayerShape } from '../families/family.ts';
import type { AttentionUnit } from './prune-settings.ts';
import { hiddenGroup } from './hidden-group.ts';
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
  const kept = plan.layers.flatMap((layer, i) => (layer === null ? [] : [i]));
  return namesWithin(model, kept).map(({ name, from }) => {
    const info = model.checkpoint.info(from);
    const cut = cuts.get(from) ?? new Map<number, readonly number[]>();
    return {
      name,
      dtype: info.dtype,
      shape: info.shape.map((size, dim) => cut.get(dim)?.length ?? size),
      data: () => slicedBlocks(model.checkpoint, info, cut),
    };
  });
}

/** The parameters of the layers that stay, by the numbers that these have then, and where each comes from. */
function namesWithin({ family, config }: Model, kept: readonly number[]): { name: string; from: string }[] {
  const names = [...modelGraph(family, withLayers(config, kept)).graph.params.keys()];
  const prefixes = kept.map((from, now) => ({
    now: family.layerPrefix(now),
    from: family.layerPrefix(from),
  }));
  return names.map((name) => {
    const prefix = prefixes.find(({ now }) => name.startsWith(now));
    return { name, from: prefix === undefined ? name : prefix.from + name.slice(prefix.now.length) };
  });
}

/** Which indices of which dimensions stay, for every member of every group. */
function cutsOf({ family, config }: Model, plan: PrunePlan): ReadonlyMap<string, Cut> {
  const cuts = new Map<string, Map<number, readonly number[]>>();
  const cut = (members: readonly GroupMember[], units: readonly number[], prefix: string): void => {
    const kept = new Set(units);
    for (const { param, dim, unitOf } of members) {
      const dims = cuts.get(prefix + param) ?? new Map<number, readonly number[]>();
      dims.set(
        dim,
        indicesWhere(unitOf, (unit) => unit < 0 || kept.has(unit)),
      );
      cuts.set(prefix + param, dims);
    }
  };
  if (plan.hidden) cut(hiddenGroup(family, config).members, plan.hidden, '');
  plan.layers.forEach((layerPlan, layer) => {
    if (layerPlan === null) return;
    const shape = config.layers[layer];
    const groups = layerGroups(family, config, shape, unitOf(shape, layerPlan));
    for (const group of Object.values(groups)) {
      const units = keptUnits(group, layerPlan, shape.kvHeads);
      if (units.length < group.units) cut(group.group.members, units, family.layerPrefix(layer));
    }
  });
  return cuts;
}

/** What a plan takes of a layer's attention: query heads alone where every KV head stays. */
const unitOf = ({ kvHeads }: LayerShape, { attention }: LayerPlan): AttentionUnit =>
  attention.keptKvHeads.length === kvHeads ? 'query-head' : 'group';

function keptUnits(
  { kind, units }: LayerGroup,
  { attention, mlp }: LayerPlan,
  kvHeads: number,
): readonly number[] {
  if (kind === 'mlp') return mlp.keptChannels;
  return units === kvHeads ? attention.keptKvHeads : attention.keptHeads;
}

function indicesWhere(unitOf: Int32Array, stays: (unit: number) => boolean): number[] {
  const indices: number[] = [];
  unitOf.forEach((unit, i) => {
    if (stays(unit)) indices.push(i);
  });
  return indices;
}

/**
 * Blocks of rows are read whole and what stays is moved together in place: a random selection of MLP channels keeps
 * four rows in a row on average, and reading each such run by itself took twice as long.
 */
async function* slicedBlocks(checkpoint: Checkpoint, info: TensorInfo, cut: Cut): AsyncIterable<Uint8Array> {
  const [rowCount = 1, ...rest] = info.shape;
  const columnCount = rest.reduce((a, b) => a * b, 1);
  const [keptRows, keptColumns] = [cut.get(0), cut.get(1)];
  const most = Math.max(1, Math.floor(copyBlockBytes / (columnCount * bytesPerElement[info.dtype])));
  for (let from = 0; from < rowCount; from += most) {
    const to = Math.min(rowCount, from + most);
    const inBlock = keptRows?.filter((row) => row >= from && row < to).map((row) => row - from);
    if (inBlock?.length === 0) continue;
    let block = await checkpoint.readRows(info.name, from, to);
    if (inBlock) block = keepRows(block, columnCount, inBlock);
    if (keptColumns) block = keepColumns(block, columnCount, keptColumns);
    yield new Uint8Array(block.buffer, block.byteOffset, block.byteLength);
  }
}

/** Moves the rows `kept`, ascending, to the front; returns them as a part of the same array. */
function keepRows(block: RawArray, columnCount: number, kept: readonly number[]): RawArray {
  kept.forEach((row, i) => block.copyWithin(i * columnCount, row * columnCount, (row + 1) * columnCount));
  return block.subarray(0, kept.length * columnCount);
}

/** Moves the columns `kept`, ascending, of every row to the front; returns them as a part of the same array. */
function keepColumns(block: RawArray, columnCount: number, kept: readonly number[]): RawArray {
  let end = 0;
  for (let row = 0; row < block.length; row += columnCount) {
    for (const column of kept) block[end++] = block[row + column];
  }
  return block.subarray(0, end);
}
