import { describe, expect, it } from 'vitest';
import type { CostReport } from '../../../main/engine/cost.ts';
import { compare } from '../../../main/studio/compare/comparison.ts';
import { machineMeasures } from '../../../main/studio/compare/machine-measures.ts';
import type { Measure } from '../../../main/studio/compare/measure.ts';
import type { ComparedRun, RunRole, Subject } from '../../../main/studio/compare/subject.ts';

const speed = (tokensPerSecond: number, [p50, p90, p99]: [number, number, number]) => ({
  tokensPerSecond,
  latencyMs: { p50, p90, p99 },
});
const memory = (name: string, peakBytes: number) =>
  ({ name, peakBytes, programBytes: 1, weights: 'float32', residency: 'ram' }) as const;

/** The pruned model is 1.25 times as fast over new tokens, for certain, and maybe so over a prompt. */
const cost: CostReport = {
  settings: { batchSizes: [1], promptLengths: [128], newTokens: 32, repeats: 7 },
  threads: 2,
  models: [memory('before', 1000), memory('after', 900)],
  points: [
    {
      batchSize: 1,
      promptLength: 128,
      models: [
        { prefill: speed(100, [10, 12, 20]), decode: speed(20, [50, 55, 70]), speedup: null },
        {
          prefill: speed(104, [9.6, 13, 15]),
          decode: speed(25, [40, 44, 80]),
          speedup: {
            prefill: { factor: 1.04, low: 0.9, high: 1.2, verdict: 'no-difference' },
            decode: { factor: 1.25, low: 1.2, high: 1.3, verdict: 'faster' },
          },
        },
      ],
    },
  ],
};

function run(runId: string): ComparedRun {
  const of = (role: RunRole, folder: string, measures: readonly Measure[]): Subject => ({
    ...{ key: `${runId} ${role}`, name: 'tiny', role, source: null, runId, folder, layers: null, measures },
  });
  const timed = (name: 'before' | 'after'): Measure[] =>
    machineMeasures(cost, name, { runId, run: 'mine', original: '/tiny' });
  const subjects = [
    of('original', '/tiny', timed('before')),
    of('pruned', `/${runId}/model`, timed('after')),
    of(
      'recovered',
      `/${runId}/recovered`,
      timed('after').map((one) => ({ ...one, isOfPruned: true })),
    ),
  ];
  return { runId, name: 'mine', recipe: {}, pruning: null, subjects };
}

const compared = (runs: readonly ComparedRun[], baseline: string | null = null) =>
  compare({ runs, roles: runs.map(() => null), models: [], published: [], baseline });

describe('what a run measured of the machine', () => {
  it('is told number by number, with difference and, where an interval is known, direction', () => {
    const told = compared([run('a')]).rows.map(({ kind, subject, cells }) => {
      const [original, pruned] = cells;
      return [kind, subject, original.value, pruned.value, pruned.change?.toFixed(3), pruned.verdict];
    });
    expect(told).toEqual([
      ['peak-memory', '', 1000, 900, '-0.100', null],
      ['prefill-speedup', '', 1, 1.04, '0.040', 'same'],
      ['prefill-speed', '', 100, 104, '0.040', 'same'],
      ['prefill-latency', 'p50', 10, 9.6, '-0.040', 'same'],
      ['prefill-latency', 'p90', 12, 13, '0.083', null],
      ['prefill-latency', 'p99', 20, 15, '-0.250', null],
      ['decode-speedup', '', 1, 1.25, '0.250', 'better'],
      ['decode-speed', '', 20, 25, '0.250', 'better'],
      ['decode-latency', 'p50', 50, 40, '-0.200', 'better'],
      ['decode-latency', 'p90', 55, 44, '-0.200', null],
      ['decode-latency', 'p99', 70, 80, '0.143', null],
    ]);
  });

  it('is judged the other way round where the pruned model is the baseline', () => {
    const { rows } = compared([run('a')], 'a pruned');
    const verdictOn = (kind: string) => rows.find((row) => row.kind === kind)?.cells[0].verdict;
    expect(['decode-speed', 'prefill-speed', 'decode-speedup'].map(verdictOn)).toEqual([
      'worse',
      'same',
      'worse',
    ]);
  });

  it('says what of a recovered model was measured on the pruned one', () => {
    for (const { cells } of compared([run('a')]).rows)
      expect(cells.map(({ isOfPruned }) => isOfPruned)).toEqual([false, false, true]);
  });

  it('stands beside speeds of the same run alone, and tells runs of one name apart', () => {
    const { models, rows } = compared([run('a'), run('b')]);
    expect(models).toHaveLength(5);
    const speeds = rows.filter(({ kind }) => kind === 'decode-speed');
    expect(speeds.map(({ apart, cells }) => [apart, ...cells.map(({ value }) => value)])).toEqual([
      ['a', 20, 25, 25, null, null],
      ['b', 20, null, null, 25, 25],
    ]);
    expect(rows.filter(({ kind }) => kind === 'decode-speedup')).toHaveLength(1);
  });
});
