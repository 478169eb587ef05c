import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeCheckpoint } from '../../../main/engine/checkpoint/write-checkpoint.ts';
import { ActivationStore } from '../../../main/engine/runtime/activation-store.ts';
import type { Network } from '../../../main/engine/runtime/network.ts';
import { Cancelled, paceOf } from '../../../main/engine/runtime/pace.ts';
import { numbers, type Values } from '../../../main/engine/runtime/session.ts';
import { toFloat32 } from '../../../main/engine/tensor/half.ts';
import { worstOfLargest } from '../../fixtures/closeness.ts';
import { estimated, type Estimated } from '../../fixtures/estimating.ts';
import { goldenForward, goldenModelFolder, goldenScores } from '../../fixtures/golden-files.ts';
import { openNetwork } from '../../fixtures/open-network.ts';
import { rejection } from '../checkpoint/rejection.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';

const taylors = ['taylor-vector', 'taylor-element1', 'taylor-element2', 'taylor-mixed'];

/** 40 rows of 24 tokens. */
const { inputIds: rows } = goldenScores('gqa-3');
const fewRows = rows.slice(0, 6);

/** Counts the numbers of x and dy that are kept at once. */
class WatchedStore extends ActivationStore {
  readonly numbers = new Map<string, number>();
  mostNumbers = 0;

  constructor() {
    super(path.join(temporaryFolder(), 'activations'), Infinity);
  }

  override async put(key: string, values: Values): Promise<void> {
    await super.put(key, values);
    if (!/^(x|dy) /.test(key)) return;
    this.numbers.set(key, numbers(values).length);
    const total = [...this.numbers.values()].reduce((a, b) => a + b, 0);
    this.mostNumbers = Math.max(this.mostNumbers, total);
  }

  override drop(key: string): void {
    super.drop(key);
    this.numbers.delete(key);
  }
}

const byLayer = ({ scores }: Estimated): unknown[] => [...scores.values()].sort((a, b) => a.layer - b.layer);

describe('the same bits', () => {
  it.each(taylors)(
    'of %s, with every activation in the scratch file, half of them, or none',
    async (criterion) => {
      const network = await openNetwork(goldenModelFolder('gqa'));
      const inMemory = await estimated(network, { criterion, rows, batchTokens: 96 });
      for (const activationBytes of [0, 100_000]) {
        const spilled = await estimated(network, { criterion, rows, batchTokens: 96, activationBytes });
        expect(spilled).toEqual(inMemory);
      }
    },
  );

  it.each(taylors)('of %s, with weights from memory or from the disk', async (criterion) => {
    const [ram, stream] = [
      await openNetwork(goldenModelFolder('sharded-bf16'), 'ram'),
      await openNetwork(goldenModelFolder('sharded-bf16'), 'stream'),
    ];
    expect(await estimated(stream, { criterion, rows: fewRows })).toEqual(
      await estimated(ram, { criterion, rows: fewRows }),
    );
  });

  it.each(['sharded-bf16', 'half-f16'])('of %s and of its weights written as float32', async (name) => {
    const half = await openNetwork(goldenModelFolder(name));
    const folder = temporaryFolder();
    const { tensors } = half.model.checkpoint;
    const upcast = [...tensors.values()].map(({ name: tensor, shape, dtype }) => ({
      name: tensor,
      shape,
      dtype: 'F32' as const,
      async *data() {
        const values = toFloat32(await half.model.checkpoint.read(tensor), dtype);
        yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      },
    }));
    await writeCheckpoint(folder, upcast);
    await copyFile(path.join(goldenModelFolder(name), 'config.json'), path.join(folder, 'config.json'));
    const float = await openNetwork(folder);
    for (const criterion of [...taylors, 'magnitude-l1', 'magnitude-l2']) {
      const found = await estimated(half, { criterion, rows: fewRows });
      expect(found, criterion).toEqual(await estimated(float, { criterion, rows: fewRows }));
    }
  });

  it.each([...taylors, 'magnitude-l2', 'random'])(
    'of %s for the layers that remain after an interruption',
    async (criterion) => {
      const network = await openNetwork(goldenModelFolder('mha'));
      const whole = await estimated(network, { criterion, rows: fewRows, seed: 3 });
      const rest = await estimated(network, { criterion, rows: fewRows, seed: 3, done: new Set([1, 3]) });
      expect(byLayer(rest)).toEqual([whole.scores.get(0), whole.scores.get(2)]);
    },
  );
});

describe('windows', () => {
  it.each([...taylors, 'magnitude-l1', 'random'])(
    'of %s: both kinds have scores in every layer inside either, none outside, the same bits',
    async (criterion) => {
      const network = await openNetwork(goldenModelFolder('gqa'));
      const whole = await estimated(network, { criterion, rows: fewRows });
      const windows = { attention: [1, 2], mlp: [3, 4] } as const;
      const found = await estimated(network, { criterion, rows: fewRows, windows });
      expect(byLayer(found)).toEqual([whole.scores.get(1), whole.scores.get(3)]);
    },
  );

  it('may be empty', async () => {
    const network = await openNetwork(goldenModelFolder('gqa'));
    const windows = { attention: [2, 2], mlp: [0, 0] } as const;
    for (const criterion of [...taylors, 'magnitude-l1', 'random']) {
      expect((await estimated(network, { criterion, rows: fewRows, windows })).scores.size).toBe(0);
    }
  });
});

describe('the Fisher information', () => {
  const scoresOf = async (rows: readonly (readonly number[])[]): Promise<readonly number[][]> => {
    const network = await openNetwork(goldenModelFolder('gqa'));
    const { scores } = await estimated(network, { criterion: 'taylor-element2', rows, batchTokens: 64 });
    return [0, 1, 2, 3].map((layer) => [
      ...(scores.get(layer)?.heads ?? []),
      ...(scores.get(layer)?.channels ?? []),
    ]);
  };

  it('is a mean over sequences of any lengths, each by its own mean loss', async () => {
    // A row of one token predicts nothing, and counts for nothing.
    const ragged = [...goldenForward('gqa').raggedIds, [5]];
    const together = await scoresOf(ragged);
    const alone = await Promise.all(ragged.slice(0, -1).map((row) => scoresOf([row])));
    together.forEach((scores, layer) => {
      const mean = scores.map((_, i) => alone.reduce((sum, of) => sum + of[layer][i], 0) / alone.length);
      expect(worstOfLargest(scores, mean), `layer ${layer}`).toBeLessThan(1e-4);
    });
  });
});

describe('memory', () => {
  /** Numbers of x and dy kept for the weights of one layer; q, k and v share an x, as do gate and up. */
  const numbersOf = (tokens: number, { config }: Network['model']): number => {
    const [{ heads, kvHeads, mlpWidth }] = config.layers;
    const { hiddenSize, headDim } = config;
    const x = 2 * hiddenSize + heads * headDim + mlpWidth;
    const dy = (heads + 2 * kvHeads) * headDim + 2 * mlpWidth + 2 * hiddenSize;
    return tokens * (x + dy);
  };

  it.each(taylors)(
    'of %s holds what the statistics of one layer are made of, never of two',
    async (criterion) => {
      const network = await openNetwork(goldenModelFolder('gqa'));
      const store = new WatchedStore();
      const { scores } = await estimated(network, { criterion, rows, batchTokens: 96, store });
      expect(scores.size).toBe(4);
      expect(store.mostNumbers).toBe(numbersOf(rows.length * rows[0].length, network.model));
      expect(store.numbers.size).toBe(0);
    },
  );
});

describe('calibration', () => {
  it('of rows of different lengths has the loss of all predicted tokens together', async () => {
    const golden = goldenForward('gqa');
    const network = await openNetwork(goldenModelFolder('gqa'));
    const found = await estimated(network, {
      criterion: 'taylor-vector',
      rows: golden.raggedIds,
      batchTokens: 40,
    });
    expect(Math.abs((found.calibrationLoss ?? NaN) - golden.raggedLoss)).toBeLessThan(3e-6);
  });

  it.each([
    ['no rows', []],
    ['rows that predict nothing', [[5], [7]]],
  ])('needs tokens to predict, not %s', async (_what, none) => {
    const network = await openNetwork(goldenModelFolder('gqa'));
    const error = await rejection(estimated(network, { criterion: 'taylor-vector', rows: none }));
    expect(error.code).toBe('text-empty');
    expect(error.message).toContain('taylor-vector needs calibration data');
  });

  it('is not needed for magnitude and random', async () => {
    const network = await openNetwork(goldenModelFolder('gqa'));
    for (const criterion of ['magnitude-l1', 'magnitude-l2', 'random']) {
      const { scores, calibrationLoss } = await estimated(network, { criterion, rows: [] });
      expect([scores.size, calibrationLoss]).toEqual([4, undefined]);
    }
  });
});

describe('pace', () => {
  it.each([...taylors, 'magnitude-l1'])('of %s rises to 1', async (criterion) => {
    const network = await openNetwork(goldenModelFolder('gqa'));
    const fractions: number[] = [];
    const pace = paceOf(new AbortController().signal, (fraction) => fractions.push(fraction));
    await estimated(network, { criterion, rows: fewRows, batchTokens: 48, pace });
    expect(fractions.length).toBeGreaterThan(3);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions[0]).toBeGreaterThan(0);
    expect(fractions[fractions.length - 1]).toBeCloseTo(1, 9);
  });

  it.each([...taylors, 'magnitude-l1'])('of %s stops where a person cancels', async (criterion) => {
    const network = await openNetwork(goldenModelFolder('gqa'));
    const cancel = new AbortController();
    const pace = paceOf(cancel.signal, (fraction) => {
      if (fraction > 0.5) cancel.abort();
    });
    await expect(estimated(network, { criterion, rows: fewRows, pace })).rejects.toBeInstanceOf(Cancelled);
  });
});

describe('random scores', () => {
  const scoresOf = async (seed: number, model = 'mha'): Promise<Estimated> =>
    estimated(await openNetwork(goldenModelFolder(model)), { criterion: 'random', seed });

  it('repeat with the seed and change with it, layer by layer', async () => {
    const first = await scoresOf(1);
    expect(await scoresOf(1)).toEqual(first);
    const drawn = [...byLayer(first), ...byLayer(await scoresOf(2))] as {
      heads: number[];
      channels: number[];
    }[];
    expect(new Set(drawn.map(({ heads }) => heads.join())).size).toBe(8);
    expect(new Set(drawn.map(({ channels }) => channels.join())).size).toBe(8);
  });

  it.each([
    ['mha', 8, 4, 48],
    ['gqa', 6, 4, 40],
    ['gqa-rep3', 8, 2, 40],
  ])('of %s are uniform a channel: a head of %i is their sum', async (model, headDim, units, width) => {
    const heads: number[] = [];
    const channels: number[] = [];
    for (let seed = 0; seed < 60; seed++) {
      for (const layer of (await scoresOf(seed, model)).scores.values()) {
        heads.push(...layer.heads);
        channels.push(...layer.channels);
      }
    }
    expect([heads.length % units, channels.length % width]).toEqual([0, 0]);
    const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
    const variance = mean(channels.map((value) => (value - 0.5) ** 2));
    // Five standard errors: 1/√12 over the root of the number of draws.
    const error = (values: number[]): number => 5 * Math.sqrt(1 / 12 / values.length);
    expect(Math.abs(mean(channels) - 0.5)).toBeLessThan(error(channels));
    expect(Math.abs(mean(heads) / headDim - 0.5)).toBeLessThan(error(heads) / Math.sqrt(headDim));
    expect(variance).toBeCloseTo(1 / 12, 2);
    expect(Math.min(...channels)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...channels)).toBeLessThan(1);
  });
});
