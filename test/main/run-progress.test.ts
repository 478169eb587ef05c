import { describe, expect, it } from 'vitest';
import {
  afterEvent,
  afterLogLine,
  noProgress,
  withLog,
  type RunProgress,
  withMemory,
} from '../../main/studio/run-progress.ts';
import type { RunEvent, TimedRunEvent } from '../../main/studio/run-store.ts';

const at = (second: number): string => `2026-11-24T12:00:${String(second).padStart(2, '0')}.000Z`;
const timed = (...events: readonly RunEvent[]): TimedRunEvent[] =>
  events.map((event, i) => ({ ...event, time: at(i) }));

const progressOf = (events: readonly TimedRunEvent[], log: readonly string[]): RunProgress =>
  withLog(events.reduce(afterEvent, noProgress), log);

const estimating = timed(
  { type: 'started' },
  { type: 'stage', stage: 'evaluate-before' },
  { type: 'metric', name: 'evaluate-before.perplexity', value: 12 },
  { type: 'stage', stage: 'estimate' },
  { type: 'progress', stage: 'estimate', fraction: 0.25, timeLeftMs: 900 },
);

describe('progress by events', () => {
  it('is none before the first', () => {
    expect(progressOf([], [])).toEqual(noProgress);
  });

  it('is where the run is, with what it has measured', () => {
    expect(progressOf(estimating, ['line'])).toEqual({
      ...noProgress,
      stage: 'estimate',
      fraction: 0.25,
      timeLeftMs: 900,
      startedAt: at(0),
      metrics: { 'evaluate-before.perplexity': 12 },
      log: ['line'],
    });
  });

  it.each<readonly [RunEvent, Partial<ReturnType<typeof progressOf>>]>([
    [{ type: 'finished' }, { fraction: 1, error: null }],
    [{ type: 'cancelled' }, { fraction: 0.25, error: null }],
    [
      { type: 'failed', code: 'disk-full', message: 'The disk is full.', hint: 'Free some space.' },
      {
        fraction: 0.25,
        error: { code: 'disk-full', message: 'The disk is full.', hint: 'Free some space.' },
      },
    ],
  ])('ends with %o', (last, expected) => {
    const progress = afterEvent(withMemory(progressOf(estimating, []), { rssBytes: 5, peakRssBytes: 7 }), {
      ...last,
      time: at(9),
    });
    expect(progress).toMatchObject({
      endedAt: at(9),
      timeLeftMs: null,
      memoryBytes: null,
      peakMemoryBytes: 7,
      ...expected,
    });
  });

  it('shows no error of a run that a person has killed', () => {
    const crash = { type: 'failed', code: 'worker-crashed', message: 'x', time: at(8) } as const;
    const killed = [...estimating, crash, { type: 'cancelled', time: at(9) } as const];
    expect(progressOf(killed, [])).toMatchObject({ error: null, endedAt: at(9) });
  });

  it('forgets an end and its error when the run is resumed, and keeps what was measured', () => {
    const failed = [
      ...estimating,
      { type: 'failed', code: 'worker-crashed', message: 'x', time: at(8) } as const,
    ];
    const resumed = progressOf([...failed, { type: 'resumed', time: at(30) }], []);
    expect(resumed).toMatchObject({
      startedAt: at(30),
      endedAt: null,
      error: null,
      stage: 'estimate',
      metrics: { 'evaluate-before.perplexity': 12 },
    });
  });
});

describe('the log', () => {
  it('gives the last peak of memory it tells of', () => {
    const log = [
      `${at(1)} peak memory of the worker: 100 bytes`,
      `${at(2)} {"type":"resumed"}`,
      `${at(3)} peak memory of the worker: 432394240 bytes`,
      `${at(3)} {"type":"finished"}`,
    ];
    expect(progressOf([], log).peakMemoryBytes).toBe(432394240);
    expect(progressOf([], log.slice(1, 2)).peakMemoryBytes).toBeNull();
  });

  it('is shown to its last 500 lines', () => {
    const lines = Array.from({ length: 600 }, (_, i) => `line ${i}`);
    expect(progressOf([], lines).log).toEqual(lines.slice(100));
    expect(afterLogLine(progressOf([], lines), 'last').log).toEqual([...lines.slice(101), 'last']);
  });
});
