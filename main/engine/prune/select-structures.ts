import type { LayerShape, ModelConfig } from '../families/family.ts';
import type { LayerScores } from './estimate.ts';
import { wholeLayer, type LayerPlan, type PrunePlan } from './plan.ts';
import { fixedWidth, plannedWidths } from './planned-widths.ts';
import { highestOfEach, scoresByRank } from './query-heads.ts';
import { keepHighest } from './select.ts';
import { keepGlobally, keepGloballyAsPublished, type RankedUnits } from './select-globally.ts';
import { measureOf, sizeGoal, unitCost } from './size-goal.ts';
import type { StructureCosts } from './structure-costs.ts';
import { structuresOf, type Selection, type Structures } from './structures.ts';

/** What heads and channels are chosen from. */
export interface StructureChoice {
  /** Of the original, as are the costs. */
  readonly config: ModelConfig;
  readonly costs: StructureCosts;
  readonly selection: Selection;
  /** How much of the way there: t/T in step t of T. */
  readonly share: number;
  /** Of what is there at this step, by layer. */
  readonly scores: ReadonlyMap<number, LayerScores>;
  /** What the steps before have left; null in the first. */
  readonly before: PrunePlan | null;
}

/** One layer's heads or channels, of which some may be gone. */
interface Present {
  readonly structures: Structures;
  /** Those that are there, in indices of the original. */
  readonly there: readonly number[];
  /** One each; undefined where the layer was not scored. */
  readonly scores: readonly number[] | undefined;
}

/**
 * The heads and channels that stay, in indices of the original: in every layer those with the highest scores, as many
 * as planned, or over all layers under a global scope. Pinned heads stay.
 */
export function selectStructures(choice: StructureChoice): PrunePlan {
  const { config, selection } = choice;
  const present = structuresOf(config, selection).map((one) => presentOf(one, choice));
  const kept = selection.scope === undefined ? keptLocally(present, choice) : keptGlobally(present, choice);
  return {
    layers: config.layers.map((shape, i) => {
      const [attention, channels] = [kept[2 * i], kept[2 * i + 1]];
      return present[2 * i].structures.unit === 'queryHeads'
        ? queryHeadPlan(shape, attention.length, channels, choice, i)
        : layerPlan(shape, attention, channels);
    }),
  };
}

function presentOf(structures: Structures, choice: StructureChoice): Present {
  const { before, scores } = choice;
  const { layer, kind, unit, units } = structures;
  if (unit === 'queryHeads') return presentQueryHeads(structures, choice);
  const { heads, channels } = scores.get(layer) ?? {};
  const left = before?.layers[layer];
  const kept = kind === 'attention' ? left?.attention.keptKvHeads : left?.mlp.keptChannels;
  return {
    structures,
    there: kept ?? Array.from({ length: units }, (_, i) => i),
    scores: kind === 'attention' ? heads : channels,
  };
}

/** Units are the ranks of query heads within their KV heads. */
function presentQueryHeads(structures: Structures, { config, before, scores }: StructureChoice): Present {
  const { layer, units } = structures;
  const { kvHeads } = config.layers[layer];
  const left = before?.layers[layer]?.attention.keptHeads.length;
  const found = scores.get(layer)?.heads;
  return {
    structures,
    there: Array.from({ length: left === undefined ? units : left / kvHeads }, (_, rank) => rank),
    scores: found && scoresByRank(found, kvHeads),
  };
}

/** Units of every layer's structures that stay, in indices of the original. */
function keptLocally(present: readonly Present[], choice: StructureChoice): number[][] {
  const { config, costs, selection, share } = choice;
  const { layers } = plannedWidths(config, costs, selection, share);
  return present.map((one) => {
    const shape = layers[one.structures.layer];
    if (shape === null) throw new RangeError('Heads and channels of a layer that goes are not chosen.');
    return highest(one, unitsIn(shape, one.structures));
  });
}

function unitsIn({ heads, kvHeads, mlpWidth }: LayerShape, { unit }: Structures): number {
  if (unit === 'mlp') return mlpWidth;
  return unit === 'queryHeads' ? heads / kvHeads : kvHeads;
}

function keptGlobally(present: readonly Present[], choice: StructureChoice): number[][] {
  const { selection, share } = choice;
  const free = present.filter(({ structures }) => structures.cut === 'free');
  const ranked = free.map((one) => rankedUnits(one, choice));
  const chosen =
    selection.scope === 'global'
      ? keepGlobally(ranked, roomForFree(present, choice))
      : keepGloballyAsPublished(
          ranked,
          free.reduce((sum, { structures }) => sum + structures.units, 0),
          share * selection.ratio,
        );
  if (chosen === null) throw new RangeError('A size that was within reach is not.');
  const kept = new Map(free.map((one, i) => [one, chosen[i].map((unit) => one.there[unit])]));
  return present.map((one) => kept.get(one) ?? highest(one, fixedWidth(one.structures, share)));
}

/** What free structures may cost together at this step. */
function roomForFree(present: readonly Present[], { costs, selection, share }: StructureChoice): number {
  const structures = present.map((one) => one.structures);
  const goal = sizeGoal(costs, structures, selection);
  if (!goal) throw new RangeError('A global ranking is for a size.');
  const total = costs.total[goal.measure];
  const rest = structures.reduce((size, one) => {
    const lost = one.cut === 'free' ? one.units : one.units - fixedWidth(one, share);
    return size - lost * unitCost(one, costs, goal.measure);
  }, total);
  return total - Math.trunc(share * (total - goal.size)) - rest;
}

function rankedUnits(
  { structures, there, scores }: Present,
  { costs, selection }: StructureChoice,
): RankedUnits {
  const { layer, unit, pinned, least, most, step } = structures;
  if (scores?.length !== there.length) throw unscored(structures, there.length);
  return {
    scores,
    pinned: placesOf(pinned, there),
    unitParameters: costs.layers[layer][unit].parameters,
    unitCost: unitCost(structures, costs, measureOf(selection)),
    least: Math.min(least, there.length),
    most: Math.min(most, there.length - (there.length % step)),
    step,
  };
}

/** The `count` units with the highest scores, pinned ones first. */
function highest({ structures, there, scores }: Present, count: number): number[] {
  if (count === there.length) return [...there];
  if (scores?.length !== there.length) throw unscored(structures, there.length);
  const pinned = placesOf(structures.pinned, there);
  const ranked = scores.map((score, i) => (pinned.has(i) ? Infinity : score));
  return keepHighest(ranked, there.length - count).map((i) => there[i]);
}

const placesOf = (units: readonly number[], there: readonly number[]): ReadonlySet<number> =>
  new Set(units.map((unit) => there.indexOf(unit)));

const unscored = ({ layer, kind }: Structures, count: number): RangeError =>
  new RangeError(
    `Layer ${layer} has no scores for its ${count} ${kind === 'attention' ? 'heads' : 'channels'}.`,
  );

function layerPlan({ heads, kvHeads }: LayerShape, keptKvHeads: number[], keptChannels: number[]): LayerPlan {
  const perKvHead = heads / kvHeads;
  const keptHeads = keptKvHeads.flatMap((kv) =>
    Array.from({ length: perKvHead }, (_, r) => kv * perKvHead + r),
  );
  return { attention: { keptHeads, keptKvHeads }, mlp: { keptChannels } };
}

/** Of every KV head `count` query heads stay. */
function queryHeadPlan(
  shape: LayerShape,
  count: number,
  keptChannels: number[],
  { before, scores }: StructureChoice,
  layer: number,
): LayerPlan {
  const { attention } = before?.layers[layer] ?? wholeLayer(shape);
  const { keptHeads: there, keptKvHeads } = attention;
  const keptHeads =
    count * shape.kvHeads === there.length
      ? there
      : highestOfEach(there, scores.get(layer)?.heads ?? [], shape.kvHeads, count);
  return { attention: { keptHeads, keptKvHeads }, mlp: { keptChannels } };
}
