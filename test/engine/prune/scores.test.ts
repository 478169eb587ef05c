import { describe, expect, it } from 'vitest';
import { keptLayers, type PrunePlan } from '../../../main/engine/prune/plan.ts';
import type { GqaFold } from '../../../main/engine/prune/unit-scores.ts';
import { worstOfLargest } from '../../fixtures/closeness.ts';
import { estimated } from '../../fixtures/estimating.ts';
import {
  goldenModelFolder,
  goldenScoreNames,
  goldenScores,
  type AggregationName,
  type CriterionName,
  type GoldenPicks,
} from '../../fixtures/golden-files.ts';
import { everywhere, selected } from '../../fixtures/local-selection.ts';
import { openNetwork } from '../../fixtures/open-network.ts';

const aggregations: readonly AggregationName[] = ['sum', 'mean', 'max', 'prod', 'first', 'second', 'last'];

interface ScoredCriterion {
  readonly id: string;
  readonly golden: CriterionName;
  /**
   * Largest difference of a score, relative to the largest score of its layer and kind: vector sums cancel, so a
   * small one may be far off itself. PyTorch's float32 gradients are as far off its float64 (golden/README.md).
   */
  readonly tolerance: number;
  /** A product multiplies the errors of up to four members. */
  readonly prodTolerance: number;
}

const criteria: readonly ScoredCriterion[] = [
  { id: 'taylor-vector', golden: 'vector', tolerance: 1e-4, prodTolerance: 3e-4 },
  { id: 'taylor-element1', golden: 'element1', tolerance: 1e-4, prodTolerance: 3e-4 },
  // A square has twice the relative error of what is squared.
  { id: 'taylor-element2', golden: 'element2', tolerance: 2e-4, prodTolerance: 6e-4 },
  { id: 'taylor-mixed', golden: 'mix', tolerance: 2e-4, prodTolerance: 6e-4 },
  { id: 'magnitude-l1', golden: 'l1', tolerance: 1e-6, prodTolerance: 1e-6 },
  { id: 'magnitude-l2', golden: 'l2', tolerance: 1e-6, prodTolerance: 1e-6 },
];

/** Mean loss over the calibration set, absolute, of a loss of about 6. */
const lossTolerance = 3e-6;

/** Picks that turn on rounding may differ; there are few of them. */
const leastCompared = 0.9;

function goldenOf<T>(
  by: Readonly<Partial<Record<CriterionName, T>>>,
  { golden }: Pick<ScoredCriterion, 'golden'>,
): T {
  const found = by[golden];
  if (found === undefined) throw new RangeError(`The golden file has no ${golden}.`);
  return found;
}

/** Counts the picks that were compared, so that a file where all are close shows. */
class PickCheck {
  compared = 0;
  all = 0;

  constructor(private readonly tolerance: number) {}

  plan(plan: PrunePlan, golden: GoldenPicks, fold: GqaFold, what: string): void {
    keptLayers(plan).forEach(({ attention, mlp }, layer) => {
      const at = `${what}, layer ${layer}`;
      if (fold === 'published') {
        const gap = golden.gapHeadsPublishedFold?.[layer];
        this.same(attention.keptKvHeads, golden.keptKvHeadsPublishedFold?.[layer], gap, at);
        return;
      }
      this.same(attention.keptKvHeads, golden.keptKvHeads[layer], golden.gapHeads[layer], at);
      this.same(attention.keptHeads, golden.keptHeads[layer], golden.gapHeads[layer], at);
      this.same(mlp.keptChannels, golden.keptChannels[layer], golden.gapChannels[layer], at);
    });
  }

  /** A gap of null: nothing was to be removed there. */
  private same(
    found: readonly number[],
    expected: readonly number[] | undefined,
    gap: number | null | undefined,
    what: string,
  ): void {
    this.all++;
    if (typeof gap === 'number' && gap < this.tolerance) return;
    this.compared++;
    expect(found, what).toEqual(expected);
  }
}

describe.each(goldenScoreNames)('%s', (name) => {
  const golden = goldenScores(name);
  const inThisFile = criteria.filter((criterion) => golden.scores[criterion.golden] !== undefined);

  it.each(inThisFile)('$id: scores and picks of every aggregation and fold', async (criterion) => {
    const network = await openNetwork(goldenModelFolder(golden.model));
    const { model } = network;
    const windows = everywhere(model.config);
    const picks = new PickCheck(criterion.tolerance);
    for (const aggregation of aggregations) {
      const expected = goldenOf(golden.scores, criterion)[aggregation];
      const folds = { correct: expected.kvHeads, published: expected.kvHeadsPublishedFold };
      for (const fold of ['correct', 'published'] as const) {
        const kvHeads = folds[fold];
        if (!kvHeads) continue;
        const found = await estimated(network, {
          criterion: criterion.id,
          aggregation,
          fold,
          rows: golden.inputIds,
        });
        expect([...found.scores.keys()].sort()).toEqual(kvHeads.map((_, layer) => layer));
        for (const { layer, heads, channels } of found.scores.values()) {
          const what = `${aggregation}, ${fold} fold, layer ${layer}`;
          const tolerance = aggregation === 'prod' ? criterion.prodTolerance : criterion.tolerance;
          expect(worstOfLargest(heads, kvHeads[layer]), `${what}, heads`).toBeLessThan(tolerance);
          expect(worstOfLargest(channels, expected.channels[layer]), `${what}, channels`).toBeLessThan(
            tolerance,
          );
        }
        for (const [ratio, chosen] of Object.entries(goldenOf(golden.picks, criterion)[aggregation])) {
          const plan = selected(model, { ratio: Number(ratio), windows }, found.scores);
          picks.plan(plan, chosen, fold, `${aggregation} at ${ratio}`);
        }
        if (criterion.id.startsWith('taylor')) {
          expect(Math.abs((found.calibrationLoss ?? NaN) - golden.loss)).toBeLessThan(lossTolerance);
        } else {
          expect(found.calibrationLoss).toBeUndefined();
        }
      }
    }
    expect(picks.compared / picks.all).toBeGreaterThan(leastCompared);
  });
});

describe('a calibration set larger than one micro-batch', () => {
  // 40 rows of 24 tokens; scores of the whole set are not sums of scores of its parts.
  it.each(['mha-3', 'gqa-3', 'tied-3'])('%s has the scores of the whole set', async (name) => {
    const golden = goldenScores(name);
    const network = await openNetwork(goldenModelFolder(golden.model));
    for (const criterion of criteria.slice(0, 2)) {
      const { id, tolerance } = criterion;
      const expected = goldenOf(golden.scores, criterion).sum;
      for (const batchTokens of [1, 24 * 7, 24 * 20]) {
        const { scores, calibrationLoss } = await estimated(network, {
          criterion: id,
          rows: golden.inputIds,
          batchTokens,
        });
        expect(Math.abs((calibrationLoss ?? NaN) - golden.loss)).toBeLessThan(lossTolerance);
        for (const { layer, heads, channels } of scores.values()) {
          const what = `${id}, ${batchTokens} tokens a batch, layer ${layer}`;
          expect(worstOfLargest(heads, expected.kvHeads[layer]), what).toBeLessThan(tolerance);
          expect(worstOfLargest(channels, expected.channels[layer]), what).toBeLessThan(tolerance);
        }
      }
    }
  });
});
