import { describe, expect, it } from 'vitest';
import { pointsOf, timeInTurn, type TimedModel } from '../../../main/engine/evaluate/cost/interleave.ts';
import { reportPoint } from '../../../main/engine/evaluate/cost/report.ts';
import { unhurried } from '../../fixtures/open-network.ts';

const point = { batchSize: 4, promptLength: 10 };
const settings = { batchSizes: [4], promptLengths: [10], newTokens: 3, repeats: 2 };

/** Models that take no time but on a clock of their own, and a diary of who worked when. */
function playedModels(costs: readonly { readonly prompt: number; readonly token: number }[]): {
  models: TimedModel[];
  now: () => number;
  diary: string[];
} {
  let time = 0;
  const diary: string[] = [];
  const models = costs.map(({ prompt, token }, i): TimedModel => {
    const work = async (what: string, ms: number): Promise<void> => {
      diary.push(`${what}${i}`);
      time += ms;
    };
    return { begin: () => ({ prefill: () => work('P', prompt), decode: () => work('t', token) }) };
  });
  return { models, now: () => time, diary };
}

describe('models that are timed', () => {
  it('work in turn, each first as often as the other, and not at the first round', async () => {
    const { models, now, diary } = playedModels([
      { prompt: 8, token: 2 },
      { prompt: 4, token: 1 },
    ]);
    const times = await timeInTurn(models, point, settings, unhurried, now);
    expect(diary.join(' ')).toBe('P0 P1 t0 t1 t1 t0 t0 t1 P1 P0 t1 t0 t0 t1 t1 t0 P0 P1 t0 t1 t1 t0 t0 t1');
    expect(times).toEqual([
      {
        prefillMs: [[8], [8]],
        decodeMs: [
          [2, 2, 2],
          [2, 2, 2],
        ],
      },
      {
        prefillMs: [[4], [4]],
        decodeMs: [
          [1, 1, 1],
          [1, 1, 1],
        ],
      },
    ]);
  });

  it('are reported with tokens a second of all rows, and beside the first', async () => {
    const { models, now } = playedModels([
      { prompt: 8, token: 2 },
      { prompt: 4, token: 4 },
    ]);
    const { models: reported } = reportPoint(
      point,
      await timeInTurn(models, point, settings, unhurried, now),
    );
    expect(reported[0].speedup).toBeNull();
    expect(reported[0].prefill.tokensPerSecond).toBe((1000 * 40) / 8);
    expect(reported[0].decode).toEqual({
      tokensPerSecond: (1000 * 4) / 2,
      latencyMs: { p50: 2, p90: 2, p99: 2 },
    });
    expect(reported[1].speedup).toMatchObject({
      prefill: { factor: expect.closeTo(2) as number, verdict: 'faster' },
      decode: { factor: expect.closeTo(0.5) as number, verdict: 'slower' },
    });
  });

  it('are alike to whatever the machine does meanwhile', async () => {
    const { models, now } = playedModels([
      { prompt: 8, token: 3 },
      { prompt: 8, token: 2 },
    ]);
    // A machine that becomes slower and slower.
    const times = await timeInTurn(models, point, { ...settings, repeats: 6 }, unhurried, () => now() ** 1.5);
    const [, { speedup }] = reportPoint(point, times).models;
    expect(speedup?.decode.factor).toBeCloseTo(1.5, 1);
  });

  it('have a size of work for each batch size and prompt length', () => {
    const sizes = pointsOf({ ...settings, batchSizes: [1, 4], promptLengths: [16, 128] });
    expect(sizes.map(({ batchSize, promptLength }) => [batchSize, promptLength])).toEqual([
      [1, 16],
      [1, 128],
      [4, 16],
      [4, 128],
    ]);
  });
});
