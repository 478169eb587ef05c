import { cp, mkdtemp, realpath, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';
import { call, endStudio, startStudio, workerPids } from './harness.ts';
import { longRun, midway, runEnded, shortRun, writeRunFiles, type RunFiles } from './long-run.ts';

const showRoute = (page: Page, wanted: string): Promise<void> =>
  page.evaluate((route) => {
    window.history.pushState(route, '');
    window.dispatchEvent(new PopStateEvent('popstate', { state: route }));
  }, wanted);

const routeOf = (page: Page): Promise<unknown> => page.evaluate(() => window.history.state as unknown);

let folder: string;
let files: RunFiles;

beforeAll(async () => {
  folder = await mkdtemp(path.join(await realpath(tmpdir()), 'studio-starts-'));
  files = await writeRunFiles(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a run of a model that was not read before', () => {
  /** So large that reading it takes seconds, though it takes no place on the disk: a hole. */
  const paddingBytes = 6 * 2 ** 30;

  it('is there at once, tells how far the reading is, and can be ended meanwhile', async () => {
    const studio = await startStudio();
    const { page } = studio;
    const own = await writeRunFiles(temporaryFolder());
    const padding = path.join(own.model, 'padding.txt');
    await writeFile(padding, '');
    await truncate(padding, paddingBytes);
    const settings = await shortRun(studio, own);
    const { runId } = await call(page, 'run:start', settings);
    expect((await call(page, 'run:get', { runId })).progress.preparation ?? 0).toBeLessThan(1);
    const preparation = async (): Promise<number> =>
      (await call(page, 'run:get', { runId })).progress.preparation ?? -1;
    await expect.poll(preparation).toBeGreaterThan(0);
    const { run, progress } = await call(page, 'run:get', { runId });
    expect(run).toMatchObject({ state: 'running', cancelling: false });
    expect(progress).toMatchObject({ stage: null, startedAt: null });
    expect(await call(page, 'run:start', settings)).toEqual({ runId });
    await call(page, 'run:cancel', { runId });
    expect((await runEnded(studio, runId)).run.state).toBe('cancelled');
    await expect.poll(() => workerPids(studio)).toEqual([]);

    await call(page, 'run:resume', { runId });
    await expect.poll(preparation).toBeGreaterThan(0);
    await call(page, 'run:kill', { runId });
    expect((await runEnded(studio, runId)).run.state).toBe('cancelled');
    await rm(padding);
    await call(page, 'run:resume', { runId });
    expect((await runEnded(studio, runId)).run.state).toBe('finished');
  });

  it('turns out to be the run that there is, which the page then shows', async () => {
    const studio = await startStudio();
    const { page } = studio;
    const own = await writeRunFiles(temporaryFolder());
    const { runId: first } = await call(page, 'run:start', await shortRun(studio, own));
    await runEnded(studio, first);
    const copied = { ...own, model: `${own.model}-copy` };
    await cp(own.model, copied.model, { recursive: true });
    const { runId: second } = await call(page, 'run:start', await shortRun(studio, copied));
    expect(second).not.toBe(first);
    await showRoute(page, `#/run/${second}/progress`);
    await expect.poll(() => routeOf(page)).toBe(`#/run/${first}/results`);
    expect((await call(page, 'run:get', { runId: second })).run.id).toBe(first);
    expect((await call(page, 'run:list')).map(({ id, state }) => [id, state])).toEqual([[first, 'finished']]);
    // Read once, it is known from now on.
    expect(await call(page, 'run:start', await shortRun(studio, copied))).toEqual({ runId: first });
  });
});

describe('the queue', () => {
  it('is there at the start after a kill, in its order, and goes on when the person says so', async () => {
    const studio = await startStudio();
    const { runId } = await call(studio.page, 'run:start', await longRun(studio, files));
    const start = async (ratio: number): Promise<string> =>
      (await call(studio.page, 'run:start', await shortRun(studio, files, { ratio }))).runId;
    const [second, third, fourth] = [await start(0.2), await start(0.3), await start(0.4)];
    await call(studio.page, 'run:reorder', { runIds: [fourth, second, third] });
    await midway(studio, runId);
    await endStudio(studio);

    const next = await startStudio({ userData: studio.userData });
    const { page } = next;
    const states = async (): Promise<unknown[]> =>
      (await call(page, 'run:list'))
        .sort((a, b) => a.ratio - b.ratio)
        .map(({ state, held, queuePosition }) => `${state} ${queuePosition ?? '-'} ${held ? 'held' : ''}`);
    expect(await states()).toEqual(['queued 1 held', 'interrupted - ', 'queued 2 held', 'queued 0 held']);
    await call(page, 'run:resume', { runId: second });
    expect((await runEnded(next, second)).run.state).toBe('finished');
    expect(await states()).toEqual(['finished - ', 'interrupted - ', 'queued 1 held', 'queued 0 held']);
    await page.getByRole('button', { name: 'Start the queue' }).click();
    for (const id of [fourth, third]) expect((await runEnded(next, id)).run.state).toBe('finished');
    const startedAt = async (id: string): Promise<string> =>
      (await call(page, 'run:get', { runId: id })).progress.startedAt ?? '';
    expect((await startedAt(fourth)) < (await startedAt(third))).toBe(true);
  });
});

describe('the page', () => {
  it('shows how a run of an earlier start was set up, and begins a new one with its settings', async () => {
    const studio = await startStudio();
    const { runId } = await call(studio.page, 'run:start', await shortRun(studio, files, { ratio: 0.35 }));
    await runEnded(studio, runId);
    await endStudio(studio);
    const { page } = await startStudio({ userData: studio.userData });
    await showRoute(page, `#/run/${runId}/results`);
    await page
      .getByRole('navigation', { name: 'Steps of a run' })
      .getByRole('link', { name: 'Plan' })
      .click();
    const ratio = page.getByRole('spinbutton', { name: 'Pruning ratio' });
    await expect.poll(() => ratio.inputValue()).toBe('35');
    await page.keyboard.press('Alt+3');
    await expect.poll(() => page.getByText('rows.jsonl').count()).toBeGreaterThan(0);
    await page.keyboard.press('Alt+4');
    await page.getByRole('heading', { name: 'Recovery', level: 1 }).waitFor();
    await page.keyboard.press('Control+Enter');
    await expect.poll(() => routeOf(page)).toBe(`#/run/${runId}/progress`);

    await showRoute(page, `#/run/${runId}/results`);
    await page.getByRole('button', { name: 'New run with these settings' }).click();
    await expect.poll(() => ratio.inputValue()).toBe('35');
    const links = page.getByRole('navigation', { name: 'Steps of a run' }).getByRole('link');
    expect(await links.filter({ hasText: 'Results' }).getAttribute('aria-disabled')).toBe('true');
  });

  it('tells what failed and what to do in its own language, and what main said below', async () => {
    const studio = await startStudio({ locale: 'zh-CN' });
    const empty = temporaryFolder();
    await studio.app.evaluate(({ dialog }, filePath) => {
      dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [filePath] });
    }, empty);
    await showRoute(studio.page, '#/new/model');
    await studio.page.getByRole('button', { name: '选择文件夹' }).click();
    const notice = studio.page.getByRole('alert');
    await expect.poll(() => notice.locator('strong').textContent()).toBe('缺少文件');
    expect(await notice.locator('[lang=en]').textContent()).toContain(
      `${empty} holds no model: it has no config.json.`,
    );
  });
});
