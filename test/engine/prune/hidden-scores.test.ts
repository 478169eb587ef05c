import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hiddenParts } from '../../../main/engine/prune/hidden-group.ts';
import { ActivationStore } from '../../../main/engine/runtime/activation-store.ts';
import type { Network } from '../../../main/engine/runtime/network.ts';
import { numbers, type Values } from '../../../main/engine/runtime/session.ts';
import { selectHidden } from '../../../main/engine/prune/plan.ts';
import { inNetworkOrder, totalHiddenScores } from '../../../main/engine/prune/total-hidden-scores.ts';
import { packBatches } from '../../../main/engine/runtime/batch.ts';
import { worstOfLargest } from '../../fixtures/closeness.ts';
import { estimatedHidden } from '../../fixtures/estimating.ts';
import {
  goldenChannel,
  goldenChannelNames,
  goldenModelFolder,
  type AggregationName,
} from '../../fixtures/golden-files.ts';
import { everywhere, plannedShape } from '../../fixtures/local-selection.ts';
import { openNetwork } from '../../fixtures/open-network.ts';
import { writePruned } from '../../fixtures/pruned-folder.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';

const aggregations: readonly AggregationName[] = ['sum', 'mean', 'max', 'prod', 'first', 'second', 'last'];

/**
 * Largest difference of a score, relative to the largest: PyTorch's float32 gradients are as far off its float64
 * (golden/README.md).
 */
const criteria = [
  { id: 'taylor-vector', golden: 'vector', tolerance: 1e-4 },
  { id: 'taylor-element1', golden: 'element1', tolerance: 1e-4 },
  { id: 'taylor-element2', golden: 'element2', tolerance: 2e-4 },
  { id: 'taylor-mixed', golden: 'mix', tolerance: 2e-4 },
  { id: 'magnitude-l1', golden: 'l1', tolerance: 1e-6 },
  { id: 'magnitude-l2', golden: 'l2', tolerance: 1e-6 },
] as const;

/** Counts the numbers of what gradients are made of that are kept at once. */
class WatchedStore extends ActivationStore {
  readonly numbers = new Map<string, number>();
  mostNumbers = 0;

  constructor() {
    super(path.join(temporaryFolder(), 'activations'), Infinity);
  }

  override async put(key: string, values: Values): Promise<void> {
    await super.put(key, values);
    if (!/^(x|dy|lookup) /.test(key)) return;
    this.numbers.set(key, numbers(values).length);
    const total = [...this.numbers.values()].reduce((sum, count) => sum + count, 0);
    this.mostNumbers = Math.max(this.mostNumbers, total);
  }

  override drop(key: string): void {
    super.drop(key);
    this.numbers.delete(key);
  }
}

const taylors = criteria.slice(0, 4).map(({ id }) => id);

describe.each(goldenChannelNames)('%s', (name) => {
  const golden = goldenChannel(name);

  it.each(criteria)('$id: scores and picks of every aggregation', async ({ id, golden: key, tolerance }) => {
    const network = await openNetwork(goldenModelFolder(golden.model));
    const { config } = network.model;
    for (const aggregation of aggregations) {
      const found = await estimatedHidden(network, { criterion: id, aggregation, rows: golden.inputIds });
      const worst = worstOfLargest(found.scores, golden.scores[key][aggregation]);
      // A product multiplies the errors of all members.
      expect(worst, aggregation).toBeLessThan(aggregation === 'prod' ? 3 * tolerance : tolerance);
      for (const [ratio, { kept, gap }] of Object.entries(golden.picks[key][aggregation])) {
        const selection = { mode: 'channel', ratio: Number(ratio), windows: everywhere(config) } as const;
        const { hiddenSize } = plannedShape(network.model, selection);
        const { hidden } = selectHidden(config, hiddenSize, found.scores);
        if (gap > tolerance) expect(hidden, `${aggregation} at ${ratio}`).toEqual(kept);
        else expect(hidden).toHaveLength(kept.length);
      }
      if (id.startsWith('taylor'))
        expect(Math.abs((found.calibrationLoss ?? NaN) - golden.loss)).toBeLessThan(3e-6);
      else expect(found.calibrationLoss).toBeUndefined();
    }
  });

  it('what is left has the loss and the logits of the model that PyTorch cut', async () => {
    const { model } = await openNetwork(goldenModelFolder(golden.model));
    const { hidden, loss, logits } = golden.pruned;
    const plan = {
      ...selectHidden(model.config, hidden.length, new Array<number>(model.config.hiddenSize).fill(0)),
      hidden,
    };
    const pruned = await openNetwork(await writePruned(model, plan));
    const estimate = await estimatedHidden(pruned, {
      criterion: 'taylor-vector',
      aggregation: 'first',
      rows: golden.inputIds,
    });
    expect(Math.abs((estimate.calibrationLoss ?? NaN) - loss)).toBeLessThan(3e-6);
    const [batch] = packBatches(golden.inputIds.slice(0, 1), 100);
    let x = await pruned.embed(batch);
    for (let layer = 0; layer < pruned.layerCount; layer++)
      x = await pruned.forwardLayer(layer, await pruned.takeLayer(layer), x, batch);
    expect(worstOfLargest((await pruned.logits(x, batch)).data, logits.flat())).toBeLessThan(2e-5);
  });
});

/** 24 rows of 12 tokens. */
const { inputIds: rows } = goldenChannel('gqa-3');

describe('the same bits', () => {
  const every = [...taylors, 'magnitude-l2', 'random'];

  it.each(taylors)(
    'of %s, with activations in the scratch file, and weights from the disk',
    async (criterion) => {
      const ram = await openNetwork(goldenModelFolder('tied'));
      const stream = await openNetwork(goldenModelFolder('tied'), 'stream');
      const expected = await estimatedHidden(ram, { criterion, rows, batchTokens: 48 });
      for (const network of [ram, stream]) {
        const spilled = await estimatedHidden(network, {
          criterion,
          rows,
          batchTokens: 48,
          activationBytes: 20_000,
        });
        expect(spilled).toEqual(expected);
      }
    },
  );

  it.each(every)('of %s, for the parts that remain after an interruption anywhere', async (criterion) => {
    for (const model of ['gqa', 'tied']) {
      const network = await openNetwork(goldenModelFolder(model));
      const whole = await estimatedHidden(network, { criterion, rows, seed: 5 });
      for (const count of [1, 2, whole.parts.length]) {
        const known = whole.parts.slice(0, count);
        expect(await estimatedHidden(network, { criterion, rows, seed: 5, known })).toEqual(whole);
      }
    }
  });

  it('whatever the order in which parts are told', async () => {
    const network = await openNetwork(goldenModelFolder('gqa'));
    const { family, config } = network.model;
    const { parts, scores } = await estimatedHidden(network, { criterion: 'magnitude-l1' });
    const expected = hiddenParts(family, config, 'sum');
    fc.assert(
      fc.property(fc.shuffledSubarray([...parts], { minLength: parts.length }), (shuffled) => {
        expect(totalHiddenScores(shuffled, expected, 'sum')).toEqual(scores);
        expect(inNetworkOrder(shuffled).map(({ part }) => part)).toEqual(expected.map(({ part }) => part));
      }),
      { seed: 1, numRuns: 20 },
    );
    expect(() => totalHiddenScores(parts.slice(1), expected, 'sum')).toThrow('has no scores');
  });
});

describe('a calibration set larger than one micro-batch', () => {
  it.each(['gqa-3', 'tied-2'])('%s has the scores of the whole set', async (name) => {
    const golden = goldenChannel(name);
    const network = await openNetwork(goldenModelFolder(golden.model));
    for (const { id, golden: key, tolerance } of criteria.slice(0, 4)) {
      const found = await estimatedHidden(network, { criterion: id, rows: golden.inputIds, batchTokens: 60 });
      expect(worstOfLargest(found.scores, golden.scores[key].sum), id).toBeLessThan(tolerance);
    }
  });
});

describe('memory', () => {
  /** Numbers of x and dy kept for the weights of one layer, and for embedding and head; q, k and v share an x. */
  const mostOf = (tokens: number, { config }: Network['model']): number => {
    const { hiddenSize, headDim, vocabSize, tiedEmbeddings } = config;
    const [{ heads, kvHeads, mlpWidth }] = config.layers;
    const x = 2 * hiddenSize + heads * headDim + mlpWidth;
    const dy = (heads + 2 * kvHeads) * headDim + 2 * mlpWidth + 2 * hiddenSize;
    const ends = vocabSize + hiddenSize * (tiedEmbeddings ? 2 : 1);
    return tokens * Math.max(x + dy, ends);
  };

  it.each(taylors)('of %s holds what one part of the network is scored by, never two', async (criterion) => {
    for (const name of ['gqa', 'tied']) {
      const network = await openNetwork(goldenModelFolder(name));
      const store = new WatchedStore();
      const { parts } = await estimatedHidden(network, { criterion, rows, batchTokens: 48, store });
      expect(parts.map(({ part }) => part)).toEqual(['head', 3, 2, 1, 0, 'embedding']);
      expect(store.mostNumbers, name).toBe(mostOf(rows.flat().length, network.model));
      expect(store.numbers.size).toBe(0);
    }
  });
});

describe('random scores', () => {
  it('are one uniform number a hidden index, by the seed', async () => {
    const network = await openNetwork(goldenModelFolder('mha'));
    const [first, again, other] = await Promise.all(
      [1, 1, 2].map((seed) => estimatedHidden(network, { criterion: 'random', seed })),
    );
    expect(again).toEqual(first);
    expect(other.scores).not.toEqual(first.scores);
    expect(first.scores).toHaveLength(32);
    expect(first.scores.every((score) => score >= 0 && score < 1)).toBe(true);
  });
});
