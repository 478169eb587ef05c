import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, realpath, rm, truncate, writeFile } from 'node:fs/promises';
import { uptime, tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunDetail } from '../../preload/contract.ts';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';
import { command, documentOf } from '../fixtures/command-line.ts';
import { hashesBelow } from '../fixtures/folder-hashes.ts';
import {
  call,
  endStudio,
  refusal,
  secondStart,
  startStudio,
  workerPids,
  type OpenStudio,
  type PageWithStudio,
} from './harness.ts';
import { longRun, midway, runEnded, shortRun, writeRunFiles, type RunFiles } from './long-run.ts';

/** What tells one run from another in its folder; times are in these two alone. */
const ownTimes = ['events.jsonl', 'log.txt'];

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (error: unknown) => String(error).replace(/^Error: (\S+):.*$/s, '$1'),
  );

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

let folder: string;
let files: RunFiles;
/** What an undisturbed run of the command line leaves, by the hash of each file. */
let undisturbed: Record<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(path.join(await realpath(tmpdir()), 'studio-runs-'));
  files = await writeRunFiles(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function startLongRun(studio: OpenStudio): Promise<string> {
  return (await call(studio.page, 'run:start', await longRun(studio, files))).runId;
}

/** The run must have left the very bytes that one of the command line leaves which nothing disturbs. */
async function expectUndisturbed({ run, progress, folder: runFolder }: RunDetail): Promise<void> {
  expect(run.state, JSON.stringify(progress)).toBe('finished');
  undisturbed ??= await commandLineRun(path.join(runFolder, 'recipe.yaml'));
  expect(hashesBelow(runFolder, [...ownTimes, 'forecast.json'])).toEqual(undisturbed);
}

async function commandLineRun(recipe: string): Promise<Record<string, string>> {
  const out = path.join(folder, 'run');
  documentOf(await command('run', recipe, '--out', out, '--json'));
  return hashesBelow(out, ownTimes);
}

describe('a run', () => {
  it('ends in the bytes and numbers of the command line, and is not done twice', async () => {
    const studio = await startStudio();
    const settings = await longRun(studio, files);
    const { runId } = await call(studio.page, 'run:start', settings);
    const detail = await runEnded(studio, runId);
    await expectUndisturbed(detail);
    const { run, progress, scores, kept } = detail;
    expect(run).toMatchObject({ modelName: 'random-model', criterion: 'taylor-element1', ratio: 0.25 });
    expect(run.layers).toHaveLength(12);
    expect(progress).toMatchObject({ stage: 'evaluate-after', fraction: 1, error: null, memoryBytes: null });
    expect(progress.metrics['evaluate-after.perplexity']).toBe(run.report?.after.perplexity);
    expect(progress.peakMemoryBytes).toBeGreaterThan(2 ** 24);
    expect(scores).toHaveLength(12);
    expect(scores.map(({ channels }) => channels?.count)).toEqual(
      run.layers.map(({ before }) => before.mlpWidth),
    );
    expect(scores.map(({ channels }) => channels?.means.length)).toEqual(Array(12).fill(256));
    expect(kept?.map(({ kvHeads }) => kvHeads.length)).toEqual(run.layers.map(({ after }) => after.kvHeads));

    const plan = await call(studio.page, 'plan:preview', {
      modelId: settings.modelId,
      prune: settings.prune,
    });
    expect(run.report).toMatchObject({ before: plan.before, after: plan.after });
    expect(plan.layers).toEqual(run.layers);
    expect(detail.planned).toEqual({ before: plan.before, after: plan.after });

    expect(await call(studio.page, 'run:start', settings)).toEqual({ runId });
    expect((await call(studio.page, 'run:list')).map(({ id, state }) => [id, state])).toEqual([
      [runId, 'finished'],
    ]);
    expect(await refusal(studio.page, 'run:resume', { runId })).toBe('run-state');
  });

  it('that is cancelled stops between layers, and goes on to the same bytes when it is resumed', async () => {
    const studio = await startStudio();
    const runId = await startLongRun(studio);
    await midway(studio, runId);
    await call(studio.page, 'run:cancel', { runId });
    await studio.page.reload();
    const { run } = await call(studio.page, 'run:get', { runId });
    // Between two layers there is hardly time to look.
    expect(run.cancelling).toBe(run.state === 'running');
    expect((await runEnded(studio, runId)).run).toMatchObject({ state: 'cancelled', cancelling: false });
    await expect.poll(() => workerPids(studio)).toEqual([]);
    expect(await refusal(studio.page, 'run:cancel', { runId })).toBe('run-state');
    await call(studio.page, 'run:resume', { runId });
    await expectUndisturbed(await runEnded(studio, runId));
  });

  it('can be set up again at the next start: its model and texts are granted, and name the same run', async () => {
    const studio = await startStudio();
    const settings = await shortRun(studio, files);
    const { runId } = await call(studio.page, 'run:start', settings);
    await runEnded(studio, runId);
    await endStudio(studio);
    const { page } = await startStudio({ userData: studio.userData });
    const again = await call(page, 'run:get', { runId });
    expect(again.settings.prune).toEqual(settings.prune);
    expect(again.texts).toMatchObject({ calibration: { path: files.rows }, evaluation: null });
    const modelId = again.modelId ?? 'none';
    expect((await call(page, 'model:inspect', { modelId })).model.path).toBe(files.model);
    expect(await call(page, 'run:start', { modelId, ...again.settings })).toEqual({ runId });
  });

  it('that the person kills is cancelled at once; then it can be deleted for good, with its folder', async () => {
    const studio = await startStudio();
    const runId = await startLongRun(studio);
    await midway(studio, runId);
    expect(await refusal(studio.page, 'run:delete', { runId })).toBe('run-state');
    await call(studio.page, 'run:kill', { runId });
    const { run, progress, folder: runFolder } = await runEnded(studio, runId);
    expect(run.state).toBe('cancelled');
    expect(progress.memoryBytes).toBeNull();
    await expect.poll(() => workerPids(studio)).toEqual([]);
    expect(existsSync(runFolder)).toBe(true);
    await call(studio.page, 'run:delete', { runId });
    expect(existsSync(runFolder)).toBe(false);
    await call(studio.page, 'run:purge', { runId });
    expect(await readdir(path.dirname(runFolder))).toEqual([]);
    expect(await call(studio.page, 'run:list')).toEqual([]);
    expect(await refusal(studio.page, 'run:get', { runId })).toBe('run-unknown');
  });

  it('whose worker is killed from outside has failed, says so, and can be resumed', async () => {
    const studio = await startStudio();
    const runId = await startLongRun(studio);
    await midway(studio, runId);
    const [pid] = await workerPids(studio);
    process.kill(pid, 'SIGKILL');
    const { run, progress } = await runEnded(studio, runId);
    expect(run.state).toBe('failed');
    expect(progress.error).toMatchObject({
      code: 'worker-crashed',
      hint: expect.stringContaining('resume') as string,
    });
    await call(studio.page, 'run:resume', { runId });
    await expectUndisturbed(await runEnded(studio, runId));
  });
});

describe('a run that cannot go on', () => {
  it('has failed and says why, until the reason is gone', async () => {
    const studio = await startStudio();
    const { page } = studio;
    const own = await writeRunFiles(temporaryFolder());
    const { runId } = await call(page, 'run:start', await longRun(studio, own));
    await midway(studio, runId);
    await call(page, 'run:kill', { runId });
    const { folder: runFolder, progress: killed } = await runEnded(studio, runId);
    expect(killed.error).toBeNull();
    const resumed = async (): Promise<string> => {
      await call(page, 'run:resume', { runId });
      const { run, progress } = await runEnded(studio, runId);
      return `${run.state} ${progress.error?.code ?? ''}`;
    };

    const lock = path.join(runFolder, 'run.lock');
    const bootSeconds = Math.round(Date.now() / 1000 - uptime());
    await writeFile(lock, JSON.stringify({ processId: process.pid, bootSeconds }));
    expect(await resumed()).toBe('failed run-folder-occupied');
    await rm(lock);

    const rows = await readFile(own.rows);
    await writeFile(own.rows, '{"input_ids": [1, 2, 3]}\n');
    expect(await resumed()).toBe('failed run-folder-invalid');
    await writeFile(own.rows, rows);
    expect(await resumed()).toBe('finished ');
  });
});

describe('the queue', () => {
  it('does one run at a time, in the order asked for, and tells of every change', async () => {
    const studio = await startStudio();
    const { page } = studio;
    await page.evaluate(() => {
      const scope = window as unknown as PageWithStudio & { heard: string[] };
      scope.heard = [];
      scope.studio.listen('run:changed', ({ runs }) => {
        scope.heard.push(
          runs
            .filter(({ state }) => state === 'running' || state === 'queued')
            .sort((a, b) => (a.queuePosition ?? -1) - (b.queuePosition ?? -1))
            .map(({ ratio, state }) => `${state} ${ratio}`)
            .join(', '),
        );
      });
    });
    const start = async (ratio: number, kind = shortRun): Promise<string> =>
      (await call(page, 'run:start', await kind(studio, files, { ratio }))).runId;
    const first = await start(0.1, longRun);
    const [second, third, fourth] = [await start(0.2), await start(0.3), await start(0.4)];
    const states = async (): Promise<unknown[]> =>
      (await call(page, 'run:list'))
        .sort((a, b) => a.ratio - b.ratio)
        .map(({ state, queuePosition }) => (queuePosition === null ? state : `${state} ${queuePosition}`));
    expect(await states()).toEqual(['running', 'queued 0', 'queued 1', 'queued 2']);
    await call(page, 'run:reorder', { runIds: [fourth, second, third] });
    expect(await states()).toEqual(['running', 'queued 1', 'queued 2', 'queued 0']);
    expect(await refusal(page, 'run:reorder', { runIds: [first, second] })).toBe('run-state');
    await call(page, 'run:cancel', { runId: second });
    expect(await states()).toEqual(['running', 'cancelled', 'queued 1', 'queued 0']);
    await call(page, 'run:resume', { runId: second });
    expect(await states()).toEqual(['running', 'queued 2', 'queued 1', 'queued 0']);
    for (const runId of [first, second, third, fourth]) await runEnded(studio, runId);
    expect(await states()).toEqual(['finished', 'finished', 'finished', 'finished']);
    const startedAt = async (runId: string): Promise<string> =>
      (await call(page, 'run:get', { runId })).progress.startedAt ?? '';
    const starts = await Promise.all([first, fourth, third, second].map(startedAt));
    expect(starts).toEqual([...starts].sort());
    const heard = await page.evaluate(() => (window as unknown as { heard: string[] }).heard);
    expect(heard).toContain('running 0.1, queued 0.4, queued 0.2, queued 0.3');
    expect(heard).toContain('running 0.4, queued 0.3, queued 0.2');
    expect(heard.at(-1)).toBe('');
  });
});

describe('while a run is at work', () => {
  it('a reloaded page finds it, with its progress, and hears more', async () => {
    const studio = await startStudio();
    const runId = await startLongRun(studio);
    const before = await midway(studio, runId);
    await studio.page.reload();
    const { run, progress } = await call(studio.page, 'run:get', { runId });
    expect(run.state).toBe('running');
    expect(progress.fraction).toBeGreaterThanOrEqual(before.fraction);
    expect(progress.metrics).toHaveProperty(['evaluate-before.perplexity']);
    expect(progress.log.length).toBeGreaterThan(1);
    expect(progress.peakMemoryBytes).toBeGreaterThan(2 ** 24);
    const heard = await studio.page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          (window as unknown as PageWithStudio).studio.listen('run:progress', ({ progress: heardProgress }) =>
            resolve(heardProgress.memoryBytes ?? 0),
          );
        }),
    );
    expect(heard).toBeGreaterThan(2 ** 24);
    expect((await runEnded(studio, runId)).run.state).toBe('finished');
  });

  it('a window that is closed asks; the run may go on unseen, and a second start shows it again', async () => {
    const studio = await startStudio();
    const { app } = studio;
    const runId = await startLongRun(studio);
    await midway(studio, runId);
    const closeAnswering = (answer: number): Promise<readonly string[]> =>
      app.evaluate(async ({ BrowserWindow, dialog }, response) => {
        const [window] = BrowserWindow.getAllWindows();
        const asked = new Promise<readonly string[]>((resolve) => {
          dialog.showMessageBox = (...args: readonly unknown[]) => {
            resolve((args.at(-1) as Electron.MessageBoxOptions).buttons ?? []);
            return Promise.resolve({ response, checkboxChecked: false });
          };
        });
        window.close();
        return asked;
      }, answer);
    expect(await closeAnswering(0)).toEqual([
      'Keep working',
      'Close the window, let the run go on',
      'Stop the run and quit',
    ]);
    expect((await call(studio.page, 'run:get', { runId })).run.state).toBe('running');

    const closed = studio.page.waitForEvent('close');
    await closeAnswering(1);
    await closed;
    expect(await workerPids(studio)).toHaveLength(1);
    const reopened = app.waitForEvent('window');
    await secondStart(studio);
    const page = await reopened;
    await page.waitForLoadState();
    const { run, progress } = await call(page, 'run:get', { runId });
    expect(run.state).toBe('running');
    expect(progress.metrics).toHaveProperty(['evaluate-before.perplexity']);
    expect((await runEnded({ page }, runId)).run.state).toBe('finished');
  });

  it('quitting asks, and stops it; the next start can resume it', async () => {
    const studio = await startStudio();
    const { app } = studio;
    const runId = await startLongRun(studio);
    await midway(studio, runId);
    const quitAnswering = (answer: number): Promise<readonly string[]> =>
      app.evaluate(async ({ app: program, dialog }, response) => {
        const asked = new Promise<readonly string[]>((resolve) => {
          dialog.showMessageBox = (...args: readonly unknown[]) => {
            resolve((args.at(-1) as Electron.MessageBoxOptions).buttons ?? []);
            return Promise.resolve({ response, checkboxChecked: false });
          };
        });
        program.quit();
        return asked;
      }, answer);
    expect(await quitAnswering(0)).toEqual(['Keep working', 'Stop the run and quit']);
    expect((await call(studio.page, 'run:get', { runId })).run.state).toBe('running');
    const gone = new Promise((resolve) => studio.main.once('exit', resolve));
    await quitAnswering(1);
    await gone;

    const next = await startStudio({ userData: studio.userData });
    expect((await call(next.page, 'run:get', { runId })).run.state).toBe('cancelled');
    await call(next.page, 'run:resume', { runId });
    await expectUndisturbed(await runEnded(next, runId));
  });

  it('killing the studio ends its worker too; the run is interrupted, and can be resumed', async () => {
    const studio = await startStudio();
    const runId = await startLongRun(studio);
    await midway(studio, runId);
    const [worker] = await workerPids(studio);
    studio.main.kill('SIGKILL');
    await expect.poll(() => isAlive(worker)).toBe(false);

    const next = await startStudio({ userData: studio.userData });
    const { run, progress } = await call(next.page, 'run:get', { runId });
    expect(run.state).toBe('interrupted');
    expect(progress.stage).toBe('estimate');
    await call(next.page, 'run:resume', { runId });
    await expectUndisturbed(await runEnded(next, runId));
  });
});

it('a model that is damaged is refused with the engine’s own words', async () => {
  const studio = await startStudio();
  const damaged = await writeRunFiles(temporaryFolder());
  const { page } = studio;
  const settings = await longRun(studio, damaged);
  await truncate(path.join(damaged.model, 'model.safetensors'), 100);
  expect(await codeOf(call(page, 'model:inspect', { modelId: settings.modelId }))).toBe('header-truncated');
  expect(await codeOf(call(page, 'run:start', settings))).toBe('header-truncated');
  expect(await call(page, 'run:list')).toEqual([]);
});
