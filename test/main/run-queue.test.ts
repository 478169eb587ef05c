import { describe, expect, it, vi } from 'vitest';
import { Refusal } from '../../main/studio/refusal.ts';
import { noProgress, type RunProgress } from '../../main/studio/run-progress.ts';
import { RunQueue, type OpeningWatch, type RunHearing } from '../../main/studio/run-queue.ts';

type End = 'done' | 'cancelled' | 'failed';

/** A run whose every step the test decides on. */
interface Puppet {
  readonly hearing: RunHearing;
  readonly cancel: ReturnType<typeof vi.fn>;
  readonly kill: ReturnType<typeof vi.fn>;
  readonly end: (kind: End) => void;
  readonly break: (error: Error) => void;
}

interface Stage {
  readonly queue: RunQueue;
  readonly puppets: Map<string, Puppet>;
  /** What the listener heard, and whose end was written down. */
  readonly told: string[];
  readonly progress: RunProgress[];
  readonly started: (runId: string) => Promise<Puppet>;
}

function setStage(openRun?: (runId: string, watch: OpeningWatch) => Promise<unknown>): Stage {
  const puppets = new Map<string, Puppet>();
  const told: string[] = [];
  const progress: RunProgress[] = [];
  const queue = new RunQueue(
    async (runId, watch) => {
      if ((await openRun?.(runId, watch)) === null) return null;
      return {
        progress: { ...noProgress, log: [`log of ${runId}`] },
        start: (hearing) => {
          const ended = withResolvers<{ kind: End }>();
          const puppet = {
            hearing,
            cancel: vi.fn(),
            kill: vi.fn(),
            end: (kind: End) => {
              ended.resolve({ kind });
            },
            break: (error: Error) => {
              ended.reject(error);
            },
          };
          puppets.set(runId, puppet);
          hearing.event({ type: 'started' });
          return { outcome: ended.promise, cancel: puppet.cancel, kill: puppet.kill };
        },
      };
    },
    async (runId) => {
      told.push(`${runId} was cancelled`);
    },
    {
      progress: (_runId, heard) => {
        progress.push(heard);
      },
      changed: () => {
        told.push([queue.runningId ?? '-', ...queue.queued].join(' '));
      },
      failed: (runId, error) => {
        told.push(`${runId}: ${String(error)}`);
      },
    },
  );
  const started = (runId: string): Promise<Puppet> => vi.waitUntil(() => puppets.get(runId), { interval: 1 });
  return { queue, puppets, told, progress, started };
}

describe('the queue', () => {
  it('starts the first run at once, and each next one when the one before has ended, however it did', async () => {
    const { queue, puppets, started, told } = setStage();
    expect(queue.isIdle).toBe(true);
    for (const id of ['a', 'b', 'c', 'd']) queue.add(id);
    expect([queue.runningId, ...queue.queued]).toEqual(['a', 'b', 'c', 'd']);
    (await started('a')).end('failed');
    (await started('b')).end('cancelled');
    (await started('c')).break(new Error('disk full'));
    const last = await started('d');
    expect([...puppets.keys()]).toEqual(['a', 'b', 'c', 'd']);
    expect(queue.isIdle).toBe(false);
    last.end('done');
    await vi.waitUntil(() => queue.isIdle, { interval: 1 });
    expect(told).toEqual(['a', 'a b', 'a b c', 'a b c d', 'b c d', 'c d', 'c: Error: disk full', 'd', '-']);
  });

  it('takes a run once', async () => {
    const { queue } = setStage();
    for (const id of ['a', 'b', 'a', 'b', 'b']) queue.add(id);
    expect([queue.runningId, ...queue.queued]).toEqual(['a', 'b']);
  });

  it('goes on past a run whose folder cannot be opened', async () => {
    const { queue, started, told } = setStage((runId) =>
      runId === 'broken' ? Promise.reject(new Error('no run')) : Promise.resolve(),
    );
    queue.add('broken');
    queue.add('whole');
    await started('whole');
    expect(told).toContain('broken: Error: no run');
    expect(queue.runningId).toBe('whole');
  });

  it('puts queued runs in the order wanted, the unnamed after them, and none but queued ones', () => {
    const { queue } = setStage();
    for (const id of ['a', 'b', 'c', 'd', 'e']) queue.add(id);
    queue.reorder(['d', 'c']);
    expect(queue.queued).toEqual(['d', 'c', 'b', 'e']);
    queue.reorder(['b', 'b', 'e']);
    expect(queue.queued).toEqual(['b', 'e', 'd', 'c']);
    for (const ids of [['a'], ['b', 'stranger']]) {
      expect(() => {
        queue.reorder(ids);
      }).toThrow(Refusal);
    }
    expect(queue.queued).toEqual(['b', 'e', 'd', 'c']);
  });

  it('lets a queued run go, but not the one at work', () => {
    const { queue } = setStage();
    for (const id of ['a', 'b', 'c']) queue.add(id);
    expect(queue.remove('b')).toBe(true);
    expect(queue.remove('b')).toBe(false);
    expect(queue.remove('a')).toBe(false);
    expect([queue.runningId, ...queue.queued]).toEqual(['a', 'c']);
  });
});

describe('the run at work', () => {
  it('is cancelled and killed by its own id alone, and says that it is stopping', async () => {
    const { queue, started, told } = setStage();
    queue.add('a');
    queue.add('b');
    const a = await started('a');
    for (const id of ['b', 'c']) {
      expect(() => {
        queue.cancel(id);
      }).toThrow('This run is not at work.');
    }
    expect(queue.isCancelling('a')).toBe(false);
    const toldBefore = told.length;
    queue.cancel('a');
    expect(a.cancel).toHaveBeenCalledOnce();
    expect(told).toHaveLength(toldBefore + 1);
    expect(['a', 'b'].map((id) => queue.isCancelling(id))).toEqual([true, false]);
    queue.kill('a');
    expect(a.kill).toHaveBeenCalledOnce();
  });

  it('is cancelled even where that was asked while its folder was being opened', async () => {
    const opening = withResolvers<undefined>();
    const { queue, started } = setStage(() => opening.promise);
    queue.add('a');
    queue.cancel('a');
    queue.kill('a');
    opening.resolve(undefined);
    const a = await started('a');
    await vi.waitUntil(() => a.cancel.mock.calls.length > 0, { interval: 1 });
    expect(a.kill).toHaveBeenCalledOnce();
  });

  it('is written down as killed where a person killed it, and not where it crashed', async () => {
    const { queue, started, told } = setStage();
    for (const id of ['a', 'b', 'c']) queue.add(id);
    const a = await started('a');
    queue.kill('a');
    a.end('failed');
    (await started('b')).end('failed');
    const c = await started('c');
    queue.kill('c');
    // It was done before the signal came.
    c.end('done');
    await vi.waitUntil(() => queue.isIdle, { interval: 1 });
    expect(told.filter((line) => line.includes('was cancelled'))).toEqual(['a was cancelled']);
  });

  it('tells its progress, from what it had before', async () => {
    const { queue, started, progress } = setStage();
    queue.add('a');
    const { hearing, end } = await started('a');
    hearing.event({ type: 'stage', stage: 'estimate' });
    hearing.event({ type: 'progress', stage: 'estimate', fraction: 0.5, timeLeftMs: 700 });
    hearing.log('a line');
    hearing.memory({ rssBytes: 10, peakRssBytes: 20 });
    hearing.event({ type: 'metric', name: 'calibration.loss', value: 2 });
    expect(queue.progressOf('a')).toMatchObject({
      stage: 'estimate',
      fraction: 0.5,
      timeLeftMs: 700,
      log: ['log of a', 'a line'],
      memoryBytes: 10,
      peakMemoryBytes: 20,
      metrics: { 'calibration.loss': 2 },
    });
    expect(progress).toHaveLength(6);
    expect(progress.at(-1)).toEqual(queue.progressOf('a'));
    expect(queue.progressOf('b')).toBeUndefined();
    end('done');
    await vi.waitUntil(() => queue.isIdle, { interval: 1 });
    expect(queue.progressOf('a')).toBeUndefined();
  });
});

describe('a run that is got ready', () => {
  it.each(['cancel', 'kill'] as const)('tells how far that is, and can be ended by %s', async (how) => {
    const { queue, puppets, progress, told } = setStage(
      (_runId, { signal, progress: tell }) =>
        new Promise((_resolve, reject) => {
          tell({ ...noProgress, preparation: 0.5 });
          signal.addEventListener('abort', () => {
            reject(new Error('ended'));
          });
        }),
    );
    queue.add('a');
    await vi.waitUntil(() => progress.length > 0, { interval: 1 });
    expect(queue.progressOf('a')).toMatchObject({ preparation: 0.5 });
    queue[how]('a');
    expect(queue.isCancelling('a')).toBe(true);
    await vi.waitUntil(() => queue.isIdle, { interval: 1 });
    expect(puppets.size).toBe(0);
    expect(told).toEqual(['a', 'a', 'a was cancelled', '-']);
  });

  it('and turns out to be another gives way to the next', async () => {
    const { queue, started, puppets, told } = setStage(async (runId) =>
      runId === 'twin' ? null : undefined,
    );
    queue.add('twin');
    queue.add('b');
    await started('b');
    expect([...puppets.keys()]).toEqual(['b']);
    expect(told).toEqual(['twin', 'twin b', 'b']);
  });
});

describe('held runs', () => {
  it('are in line, and start when they are let go, in their order', async () => {
    const { queue, started, puppets } = setStage();
    queue.hold(['a', 'b']);
    expect(queue.queued).toEqual(['a', 'b']);
    expect(queue.isHeld('a')).toBe(true);
    expect(queue.isIdle).toBe(true);
    queue.reorder(['b', 'a']);
    queue.release();
    expect(queue.isHeld('a')).toBe(false);
    (await started('b')).end('done');
    await started('a');
    expect([...puppets.keys()]).toEqual(['b', 'a']);
  });

  it('wait while one that was asked for goes past them', async () => {
    const { queue, started } = setStage();
    queue.hold(['a', 'b', 'c']);
    queue.add('new');
    (await started('new')).end('done');
    await vi.waitUntil(() => queue.isIdle, { interval: 1 });
    queue.add('b');
    await started('b');
    expect(queue.queued).toEqual(['a', 'c']);
    expect(queue.remove('a')).toBe(true);
    expect(queue.isHeld('a')).toBe(false);
  });
});

describe('closing', () => {
  it('cancels the run at work, leaves the others in line, and starts nothing more', async () => {
    const { queue, puppets, started } = setStage();
    queue.add('a');
    queue.add('b');
    const a = await started('a');
    a.cancel.mockImplementation(() => {
      a.end('cancelled');
    });
    await queue.close(10_000);
    expect(a.kill).not.toHaveBeenCalled();
    expect(queue.isIdle).toBe(true);
    queue.add('c');
    expect(queue.isIdle).toBe(true);
    expect(queue.queued).toEqual(['b']);
    expect([...puppets.keys()]).toEqual(['a']);
  });

  it('kills a run that does not stop in time', async () => {
    const { queue, started, told } = setStage();
    queue.add('a');
    const a = await started('a');
    a.kill.mockImplementation(() => {
      a.end('failed');
    });
    await queue.close(20);
    expect(a.cancel).toHaveBeenCalledOnce();
    expect(a.kill).toHaveBeenCalledOnce();
    expect(told).toContain('a was cancelled');
  });

  it('waits for nothing where nothing is at work', async () => {
    const { queue } = setStage();
    await queue.close(10_000);
    expect(queue.isIdle).toBe(true);
  });
});

/** Promise.withResolvers, which Node 20 has not. */
function withResolvers<T>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
} {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
