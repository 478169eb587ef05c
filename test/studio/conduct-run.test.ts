import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { pruningStages, type RunSettings } from '../../main/engine/run.ts';
import type * as conducting from '../../main/studio/conduct-run.ts';
import { timeLeftEstimator } from '../../main/studio/conduct-run.ts';
import { defaultRecipe } from '../../main/studio/recipe.ts';
import { identityOf } from '../../main/studio/run-identity.ts';
import {
  createRun,
  openRun,
  readEvents,
  readReport,
  type RunEvent,
  type IdentifiedRun,
} from '../../main/studio/run-store.ts';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';
import { importBundled } from '../fixtures/bundled-module.ts';
import { hashesBelow } from '../fixtures/folder-hashes.ts';
import { goldenForward } from '../fixtures/golden-files.ts';
import { writeRows } from '../fixtures/random-model.ts';
import { runSettings } from '../fixtures/run-settings.ts';

let conductRun: typeof conducting.conductRun;
beforeAll(async () => {
  ({ conductRun } = (await importBundled('main/studio/conduct-run.ts')) as typeof conducting);
});

/** A stored run of the golden model by Taylor, evaluated before and after. */
async function storedRun(changes: Partial<RunSettings> = {}): Promise<IdentifiedRun> {
  const folder = temporaryFolder();
  const { inputIds, perplexity } = goldenForward('gqa');
  const settings: RunSettings = {
    ...runSettings,
    prune: { ...runSettings.prune, criterion: 'taylor-element1' },
    calibration: {
      ...runSettings.calibration,
      source: await writeRows(path.join(folder, 'c.jsonl'), inputIds),
    },
    evaluate: {
      ...runSettings.evaluate,
      text: await writeRows(path.join(folder, 'e.jsonl'), [perplexity.tokens]),
    },
    ...changes,
  };
  const recipe = { ...defaultRecipe(), model: settings.model };
  return createRun(path.join(folder, 'run'), recipe, settings, await identityOf(settings));
}

async function conducted(run: IdentifiedRun): Promise<{ kind: string; heard: RunEvent[] }> {
  const heard: RunEvent[] = [];
  const { kind } = await conductRun(run, (event) => heard.push(event)).outcome;
  return { kind, heard };
}

describe('a run', () => {
  it('tells the same to whoever listens and to events.jsonl: started, each stage to its end, finished', async () => {
    const run = await storedRun();
    const { kind, heard } = await conducted(run);
    expect(kind).toBe('done');
    const events = await readEvents(run.folder);
    // Of progress, the file has a part.
    const withoutProgress = (list: readonly RunEvent[]): RunEvent[] =>
      list.filter(({ type }) => type !== 'progress');
    expect(withoutProgress(events)).toMatchObject(withoutProgress(heard));
    const metric = (name: string): unknown => ({ type: 'metric', name, value: expect.any(Number) as number });
    expect(withoutProgress(heard)).toEqual([
      { type: 'started' },
      { type: 'stage', stage: 'evaluate-before' },
      metric('evaluate-before.perplexity'),
      { type: 'stage', stage: 'estimate' },
      metric('calibration.loss'),
      { type: 'stage', stage: 'slice' },
      { type: 'stage', stage: 'evaluate-after' },
      metric('evaluate-after.perplexity'),
      { type: 'finished' },
    ]);
    const times = events.map(({ time }) => time);
    expect(times).toEqual([...times].sort());
  });

  it('reports fractions that never fall and end at 1, each in its own stage', async () => {
    const run = await storedRun();
    const { heard } = await conducted(run);
    for (const events of [heard, await readEvents(run.folder)]) {
      for (const stage of pruningStages) {
        const from = events.findIndex((event) => event.type === 'stage' && event.stage === stage);
        const progress = events.flatMap((event, i) =>
          event.type === 'progress' && event.stage === stage ? [{ i, fraction: event.fraction }] : [],
        );
        const fractions = progress.map(({ fraction }) => fraction);
        expect(fractions.at(-1), stage).toBe(1);
        expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
        expect(progress.every(({ i }) => i > from)).toBe(true);
      }
    }
  });

  it('writes its metrics into the report, and its end into log.txt', async () => {
    const run = await storedRun();
    const { heard } = await conducted(run);
    const { before, after, calibration } = await readReport(run.folder);
    const metrics = heard.flatMap((event) => (event.type === 'metric' ? [event.value] : []));
    expect(metrics).toEqual([before.perplexity, calibration?.loss, after.perplexity]);
    const log = await readFile(path.join(run.folder, 'log.txt'), 'utf8');
    expect(log).toMatch(/peak memory of the worker: \d+ bytes\n.*"type":"finished"/);
  });

  it('that is done once more says so, and changes no byte of what it made', async () => {
    const run = await storedRun();
    await conducted(run);
    const own = ['events.jsonl', 'log.txt'];
    const before = hashesBelow(run.folder, own);
    const { kind, heard } = await conducted({ ...(await openRun(run.folder)), identity: run.identity });
    expect(kind).toBe('done');
    expect(heard[0]).toEqual({ type: 'resumed' });
    expect(heard.filter(({ type }) => type === 'progress')).toEqual([]);
    expect(hashesBelow(run.folder, own)).toEqual(before);
  });
});

describe('an end before the end', () => {
  it('by cancelling is kept as such', async () => {
    const run = await storedRun();
    const conduct = conductRun(run, (event) => {
      if (event.type === 'stage' && event.stage === 'estimate') conduct.cancel();
    });
    expect(await conduct.outcome).toEqual({ kind: 'cancelled' });
    expect((await openRun(run.folder)).state).toBe('cancelled');
  });

  it('by killing the worker is a failure that can be gone on from', async () => {
    const run = await storedRun();
    const conduct = conductRun(run, (event) => {
      if (event.type === 'stage' && event.stage === 'estimate') conduct.kill();
    });
    expect(await conduct.outcome).toMatchObject({ kind: 'failed', error: { code: 'worker-crashed' } });
    const stored = await openRun(run.folder);
    expect(stored.state).toBe('failed');
    expect(stored.lastStage).toBe('estimate');
    expect((await conducted({ ...stored, identity: run.identity })).kind).toBe('done');
  });

  it('by an error is kept with its code and sentence', async () => {
    const run = await storedRun();
    const { kind } = await conducted({
      ...run,
      settings: { ...run.settings, model: path.resolve('no-such-model') },
    });
    expect(kind).toBe('failed');
    const message = `${path.resolve('no-such-model', 'config.json')} does not exist`;
    expect((await readEvents(run.folder)).at(-1)).toMatchObject({
      type: 'failed',
      code: 'file-missing',
      message,
    });
  });

  it('by a fault of the program is told in one line, and log.txt says where', async () => {
    const run = await storedRun();
    const broken = { ...run, settings: { ...run.settings, evaluate: undefined } } as unknown as IdentifiedRun;
    const outcome = await conductRun(broken, () => undefined).outcome;
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'worker-crashed' } });
    const last = (await readEvents(run.folder)).at(-1);
    const message = last?.type === 'failed' ? last.message : '';
    expect(message).toMatch(/^The worker stopped at an error of the program itself: Cannot .*$/);
    expect(message).not.toContain('\n');
    expect(await readFile(path.join(run.folder, 'log.txt'), 'utf8')).toMatch(/TypeError: Cannot .*\n +at /);
  });

  it('by events that cannot be written is an error', async () => {
    const run = await storedRun();
    await mkdir(path.join(run.folder, 'events.jsonl'));
    await expect(conductRun(run, () => undefined).outcome).rejects.toMatchObject({
      code: 'folder-not-writable',
      message: `${path.join(run.folder, 'events.jsonl')} could not be written: a folder has that name`,
    });
  });
});

it.each([
  [
    'engine',
    (run: IdentifiedRun): IdentifiedRun => ({
      ...run,
      identity: { ...run.identity, engineVersion: '0.0.1' },
    }),
  ],
  [
    'machine',
    (run: IdentifiedRun): IdentifiedRun => ({ ...run, settings: { ...run.settings, platform: 'elsewhere' } }),
  ],
])('a run that began on another %s warns that its numbers may differ', async (_what, changed) => {
  const { heard } = await conducted(changed(await storedRun({ evaluate: runSettings.evaluate })));
  const warnings = heard.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
  expect(warnings).toEqual([
    expect.stringMatching(/^The run began .* (0\.0\.1|elsewhere) .*: its numbers may differ\.$/),
  ]);
});

describe('time left', () => {
  it('is judged by the pace of the stage so far, once there is something to judge by', () => {
    let now = 5000;
    const timeLeft = timeLeftEstimator(() => now);
    const after = (ms: number, stage: 'estimate' | 'slice', fraction: number): number | null => {
      now += ms;
      return timeLeft(stage, fraction);
    };
    expect(after(0, 'estimate', 0)).toBeNull();
    expect(after(999, 'estimate', 0.5)).toBeNull();
    expect(after(1, 'estimate', 0.5)).toBe(1000);
    expect(after(3000, 'estimate', 0.8)).toBe(1000);
    expect(after(1000, 'estimate', 1)).toBe(0);
    // The next stage has a pace of its own.
    expect(after(60_000, 'slice', 0)).toBeNull();
    expect(after(10_000, 'slice', 0.019)).toBeNull();
    expect(after(0, 'slice', 0.02)).toBe(490_000);
  });

  it('does not count what a resumed stage began with', () => {
    let now = 0;
    const timeLeft = timeLeftEstimator(() => now);
    expect(timeLeft('recover', 0.6)).toBeNull();
    now = 4000;
    expect(timeLeft('recover', 0.607)).toBeNull();
    expect(timeLeft('recover', 0.7)).toBe(12_000);
  });
});
