import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../main/engine/errors.ts';
import { readModelConfig } from '../../../main/engine/families/index.ts';
import type { LayerScores } from '../../../main/engine/prune/estimate.ts';
import { modelCosts, shapesOf, type PrunePlan } from '../../../main/engine/prune/plan.ts';
import { plannedWidths } from '../../../main/engine/prune/planned-widths.ts';
import type { PlanEdits } from '../../../main/engine/prune/prune-settings.ts';
import { keepGlobally, keepGloballyAsPublished } from '../../../main/engine/prune/select-globally.ts';
import { selectStructures } from '../../../main/engine/prune/select-structures.ts';
import { structureCosts } from '../../../main/engine/prune/structure-costs.ts';
import type { Selection } from '../../../main/engine/prune/structures.ts';
import {
  goldenGlobal,
  goldenModelConfig,
  goldenScoreNames,
  goldenScores,
  publishedConfig,
  type AggregationName,
  type CriterionName,
} from '../../fixtures/golden-files.ts';
import { picoModel } from '../../fixtures/pico-config.ts';

type Described = ReturnType<typeof readModelConfig>;

const bytesOf = (): number => 2;

function chosen(
  { family, config }: Described,
  selection: Selection,
  scores: ReadonlyMap<number, LayerScores>,
  share = 1,
  before: PrunePlan | null = null,
): PrunePlan {
  const costs = structureCosts(family, config, bytesOf);
  return selectStructures({ config, costs, selection, share, scores, before });
}

/** A multiple of 8 may be too coarse for what a ratio asks for, which the plan says before anything is scored. */
function isWithinReach({ family, config }: Described, selection: Selection): boolean {
  try {
    plannedWidths(config, structureCosts(family, config, bytesOf), selection);
    return true;
  } catch (error) {
    if (error instanceof EngineError && error.code === 'target-out-of-reach') return false;
    throw error;
  }
}

function parametersOf({ family, config }: Described, plan: PrunePlan): number {
  return modelCosts(family, config, { ...config, layers: shapesOf(plan) }, bytesOf).parameters;
}

/** Units that a plan removes, by layer of a window. */
function removed(
  plan: PrunePlan,
  { config }: Described,
  [from, to]: readonly [number, number],
): { heads: number[]; channels: number[] }[] {
  const without = (count: number, kept: readonly number[] = []): number[] =>
    Array.from({ length: count }, (_, unit) => unit).filter((unit) => !kept.includes(unit));
  return plan.layers.slice(from, to).map((layer, i) => ({
    heads: without(config.layers[from + i].kvHeads, layer?.attention.keptKvHeads),
    channels: without(config.layers[from + i].mlpWidth, layer?.mlp.keptChannels),
  }));
}

describe.each(goldenScoreNames)('the scores of %s', (name) => {
  const golden = goldenGlobal(name);
  const { scores } = goldenScores(name);
  const model = readModelConfig(goldenModelConfig(golden.model));
  const cases = Object.entries(golden.picks).flatMap(([criterion, byAggregation]) =>
    Object.keys(byAggregation).map(
      (aggregation) => [criterion as CriterionName, aggregation as AggregationName] as const,
    ),
  );

  it.each(cases)('pick over all layers by %s, %s, what the reference picks', (criterion, aggregation) => {
    const { kvHeads = [], channels = [] } = scores[criterion]?.[aggregation] ?? {};
    const layers = new Map(
      kvHeads.map((heads, layer) => [layer, { layer, heads, channels: channels[layer] }]),
    );
    const byRatio = golden.picks[criterion]?.[aggregation] ?? {};
    expect(Object.keys(byRatio)).toEqual(['0.25', '0.5']);
    for (const [ratio, picks] of Object.entries(byRatio)) {
      for (const [scope, pick] of [
        ['global', picks.corrected],
        ['global-published', picks.published],
      ] as const) {
        const windows = { attention: golden.window, mlp: golden.window };
        const plan = chosen(model, { ratio: Number(ratio), windows, scope }, layers);
        const found = removed(plan, model, golden.window);
        const what = `${scope} ${ratio}`;
        expect(
          found.map(({ heads }) => heads),
          what,
        ).toEqual(pick.heads);
        expect(
          found.map((layer) => layer.channels),
          what,
        ).toEqual(pick.channels);
      }
    }
  });
});

const someModels = [
  picoModel({ num_hidden_layers: 3 }),
  picoModel({
    num_hidden_layers: 4,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    intermediate_size: 33,
  }),
  picoModel({
    num_hidden_layers: 3,
    head_dim: 6,
    num_attention_heads_per_layer: [4, 2, 6],
    num_key_value_heads_per_layer: [2, 1, 3],
    intermediate_size_per_layer: [9, 64, 30],
  }),
];

/** Scores of every layer, some of them equal. */
const scoresOf = ({ config }: Described): fc.Arbitrary<Map<number, LayerScores>> => {
  const score = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.double({ min: 0, max: 100, noNaN: true }));
  const list = (length: number): fc.Arbitrary<number[]> =>
    fc.array(score, { minLength: length, maxLength: length });
  return fc
    .tuple(...config.layers.map(({ kvHeads, mlpWidth }) => fc.tuple(list(kvHeads), list(mlpWidth))))
    .map((layers) => new Map(layers.map(([heads, channels], layer) => [layer, { layer, heads, channels }])));
};

const problems = fc.constantFrom(...someModels).chain((model) =>
  fc.record({
    model: fc.constant(model),
    scores: scoresOf(model),
    ratio: fc.double({ min: 0.01, max: 0.7, noNaN: true }),
    round: fc.constantFrom(undefined, 8 as const),
  }),
);

const all = ({ config }: Described): Selection['windows'] => ({
  attention: [0, config.layers.length],
  mlp: [0, config.layers.length],
});

const edits: PlanEdits = {
  exclude: { attention: [1], mlp: [2] },
  ratios: { attention: {}, mlp: { '1': 0.5 } },
  keep: { heads: { '0': [0], '2': [0] } },
};

describe('a ranking by score a parameter', () => {
  it('leaves the largest model that is small enough, and a unit of everything', () => {
    fc.assert(
      fc.property(problems, ({ model, scores, ratio, round }) => {
        const selection: Selection = {
          ratio,
          windows: all(model),
          scope: 'global',
          ...(round && { round }),
        };
        fc.pre(isWithinReach(model, selection));
        const plan = chosen(model, selection, scores);
        expect(chosen(model, selection, scores)).toEqual(plan);
        const costs = structureCosts(model.family, model.config, bytesOf);
        const isFree = (width: number): boolean => round === undefined || width >= round;
        const free = costs.layers.reduce((sum, { attention, mlp }, i) => {
          const { kvHeads, mlpWidth } = model.config.layers[i];
          return sum + kvHeads * attention.parameters + (isFree(mlpWidth) ? mlpWidth * mlp.parameters : 0);
        }, 0);
        const goal = costs.total.parameters - free + Math.trunc(free * (1 - ratio));
        const size = parametersOf(model, plan);
        expect(size).toBeLessThanOrEqual(goal);
        for (const [i, shape] of shapesOf(plan).entries()) {
          const { kvHeads, mlpWidth } = model.config.layers[i];
          const step = round && isFree(mlpWidth) ? round : 1;
          expect(shape.kvHeads).toBeGreaterThanOrEqual(1);
          expect(shape.mlpWidth).toBeGreaterThanOrEqual(step);
          if (isFree(mlpWidth)) expect(shape.mlpWidth % step).toBe(0);
          const { attention, mlp } = costs.layers[i];
          if (shape.kvHeads < kvHeads) expect(size + attention.parameters).toBeGreaterThan(goal);
          if (isFree(mlpWidth) && shape.mlpWidth + step <= mlpWidth)
            expect(size + step * mlp.parameters).toBeGreaterThan(goal);
        }
      }),
      { seed: 11, numRuns: 150 },
    );
  });

  it('meets a target beside layers that are held, layers with ratios of their own, and pinned heads', () => {
    fc.assert(
      fc.property(problems, ({ model, scores, ratio }) => {
        const windows = all(model);
        const by = { windows, scope: 'global', edits } as const;
        const goal = parametersOf(model, chosen(model, { ...by, ratio: ratio / 2 }, scores));
        const plan = chosen(model, { ...by, ratio: 0.5, target: { parameters: goal } }, scores);
        expect(parametersOf(model, plan)).toBe(goal);
        expect(plan.layers[1]?.attention.keptKvHeads).toHaveLength(model.config.layers[1].kvHeads);
        expect(plan.layers[2]?.mlp.keptChannels).toHaveLength(model.config.layers[2].mlpWidth);
        for (const layer of [0, 2]) expect(plan.layers[layer]?.attention.keptKvHeads).toContain(0);
      }),
      { seed: 13, numRuns: 150 },
    );
  });

  it('in two steps comes to the size of one, to a unit, and the second takes of what the first has left', () => {
    fc.assert(
      fc.property(problems, ({ model, scores, ratio }) => {
        const selection: Selection = { ratio, windows: all(model), scope: 'global' };
        const first = chosen(model, selection, scores, 0.5);
        const left = new Map(
          first.layers.map((layer, i) => {
            const { heads = [], channels = [] } = scores.get(i) ?? {};
            const pick = (of: readonly number[], units: readonly number[] = []): number[] =>
              units.map((unit) => of[unit]);
            return [
              i,
              {
                layer: i,
                heads: pick(heads, layer?.attention.keptKvHeads),
                channels: pick(channels, layer?.mlp.keptChannels),
              },
            ];
          }),
        );
        const second = chosen(model, selection, left, 1, first);
        const costs = structureCosts(model.family, model.config, bytesOf);
        // A head that the first step took does not come back, so that a unit is a head here.
        const head = Math.max(...costs.layers.map(({ attention }) => attention.parameters));
        const once = parametersOf(model, chosen(model, selection, scores));
        expect(Math.abs(parametersOf(model, second) - once)).toBeLessThan(head);
        for (const [i, layer] of second.layers.entries()) {
          const before = first.layers[i];
          expect(before?.mlp.keptChannels).toEqual(
            expect.arrayContaining([...(layer?.mlp.keptChannels ?? [])]),
          );
          expect(before?.attention.keptKvHeads).toEqual(
            expect.arrayContaining([...(layer?.attention.keptKvHeads ?? [])]),
          );
        }
      }),
      { seed: 17, numRuns: 100 },
    );
  });

  it('of equal scores takes what has more parameters, since it is worth less for each', () => {
    const group = { scores: [1, 1, 1], pinned: new Set<number>(), least: 1, most: 3, step: 1 };
    const kept = keepGlobally(
      [
        { ...group, unitParameters: 3, unitCost: 3 },
        { ...group, unitParameters: 10, unitCost: 10 },
      ],
      39 - 4,
    );
    expect(kept).toEqual([
      [0, 1, 2],
      [1, 2],
    ]);
  });

  it('gives back what has room again: a dear unit that went last, and cheap ones before it', () => {
    const group = { pinned: new Set<number>(), least: 1, step: 1 };
    const kept = keepGlobally(
      [
        { ...group, scores: [1, 2, 9], most: 3, unitParameters: 1, unitCost: 1 },
        { ...group, scores: [30, 90], most: 2, unitParameters: 10, unitCost: 10 },
      ],
      15,
    );
    // Both cheap ones went before the dear one did, and its going left room for them.
    expect(kept).toEqual([[0, 1, 2], [1]]);
  });
});

describe('the published ranking over all layers', () => {
  const pinned = new Set<number>();

  it('takes every score up to the k-th, ties and all', () => {
    const kept = keepGloballyAsPublished(
      [
        { scores: [1, 2, 2, 9], pinned },
        { scores: [2, 7, 8, 6], pinned },
      ],
      8,
      0.25,
    );
    expect(kept).toEqual([[3], [1, 2, 3]]);
  });

  it('passes over what it would empty, so that less goes than was asked for', () => {
    const kept = keepGloballyAsPublished(
      [
        { scores: [1, 2], pinned },
        { scores: [5, 6], pinned },
      ],
      4,
      0.5,
    );
    expect(kept).toEqual([
      [0, 1],
      [0, 1],
    ]);
  });

  it('leaves pinned heads where they are', () => {
    const kept = keepGloballyAsPublished([{ scores: [1, 2, 3, 4], pinned: new Set([0]) }], 4, 0.5);
    expect(kept).toEqual([[0, 2, 3]]);
  });
});

it('a choice layer by layer keeps pinned heads in place of better ones', () => {
  const model = readModelConfig(publishedConfig('tinyllama-1.1b'));
  const layer = { layer: 5, heads: [1, 2, 3, 4], channels: Array.from({ length: 5632 }, (_, i) => i) };
  const windows = { attention: [5, 6], mlp: [5, 6] } as const;
  const none = { attention: [], mlp: [] };
  const pins: PlanEdits = {
    exclude: none,
    ratios: { attention: {}, mlp: {} },
    keep: { heads: { '5': [0] } },
  };
  const plan = chosen(model, { ratio: 0.5, windows, edits: pins }, new Map([[5, layer]]));
  expect(plan.layers[5]?.attention.keptKvHeads).toEqual([0, 3]);
  expect(plan.layers[5]?.attention.keptHeads).toHaveLength(16);
});
