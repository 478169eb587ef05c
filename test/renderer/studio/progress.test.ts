import { describe, expect, it } from 'vitest';
import type { RunProgress } from '../../../preload/contract.ts';
import { advanced, layerAtWork, runStages, stagesOf } from '../../../renderer/studio/progress.ts';

const pruning = runStages.slice(0, 4);

function progress(change: Partial<RunProgress> = {}): RunProgress {
  return {
    preparation: null,
    stage: 'estimate',
    fraction: 0.5,
    timeLeftMs: 1000,
    startedAt: '2026-11-24T09:00:00.000Z',
    metrics: {},
    training: null,
    memoryBytes: null,
    peakMemoryBytes: null,
    log: [],
    error: null,
    ...change,
  };
}

describe('advanced', () => {
  it('never falls within a stage or to an earlier one', () => {
    expect(advanced(progress(), progress({ fraction: 0.4 })).fraction).toBe(0.5);
    const late = advanced(
      progress({ metrics: { a: 1 } }),
      progress({ stage: 'evaluate-before', fraction: 1 }),
    );
    expect(late).toMatchObject({ stage: 'estimate', fraction: 0.5, metrics: { a: 1 } });
  });

  it('takes what moves on', () => {
    expect(advanced(progress(), progress({ fraction: 0.6 })).fraction).toBe(0.6);
    expect(advanced(progress(), progress({ stage: 'slice', fraction: 0 })).stage).toBe('slice');
    expect(advanced(undefined, progress()).fraction).toBe(0.5);
  });

  it('begins anew when the run was started anew', () => {
    const resumed = progress({
      startedAt: '2026-11-24T10:00:00.000Z',
      stage: 'evaluate-before',
      fraction: 0,
    });
    expect(advanced(progress(), resumed)).toEqual(resumed);
  });
});

describe('stagesOf', () => {
  it('tells what is done, under way and ahead', () => {
    const known = progress({ metrics: { 'evaluate-before.perplexity': 41 } });
    expect(stagesOf(pruning, known, false).map(({ state }) => state)).toEqual([
      'done',
      'now',
      'ahead',
      'ahead',
    ]);
  });

  it('tells evaluations that had no text from those that were made', () => {
    expect(stagesOf(pruning, progress(), false)[0].state).toBe('skipped');
    const finished = stagesOf(pruning, progress({ stage: 'evaluate-after', fraction: 1 }), true);
    expect(finished.map(({ state }) => state)).toEqual(['skipped', 'done', 'done', 'skipped']);
  });

  it('has nothing done before the run starts', () => {
    const waiting = stagesOf(pruning, progress({ stage: null, fraction: 0 }), false);
    expect(waiting.every(({ state }) => state === 'ahead')).toBe(true);
  });
});

describe('layerAtWork', () => {
  const layers = { layerCount: 10, toScore: new Set([2, 3, 4, 5, 6, 7]), scored: new Set<number>() };

  it('sweeps forward through an evaluation', () => {
    const at = (fraction: number): number | null =>
      layerAtWork(progress({ stage: 'evaluate-before', fraction }), layers, true);
    expect([0, 0.45, 0.89, 0.95].map(at)).toEqual([0, 5, 9, null]);
  });

  it('goes forward, then back from the last layer to the lowest one scored', () => {
    const at = (fraction: number): number | null => layerAtWork(progress({ fraction }), layers, true);
    expect(at(0)).toBe(0);
    expect(at(0.249)).toBe(9);
    expect(at(0.27)).toBeNull();
    expect(at(0.3)).toBe(9);
    expect(at(0.3 + (0.7 * 7) / 8)).toBe(2);
    expect(at(1)).toBeNull();
  });

  it('takes layers in turn where no gradient is needed', () => {
    const scored = { ...layers, scored: new Set([2, 3]) };
    expect(layerAtWork(progress(), scored, false)).toBe(4);
    expect(layerAtWork(progress(), { ...layers, scored: layers.toScore }, false)).toBeNull();
  });

  it('is nowhere while a model is written', () => {
    expect(layerAtWork(progress({ stage: 'slice' }), layers, true)).toBeNull();
  });
});
