import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Locator, Page } from 'playwright-core';
import { criteria } from '../../renderer/wizard/draft.ts';
import { call, sharedStudio, workerPids } from './harness.ts';
import { expectFocus, tabbable, tabThrough, tabTo } from './keyboard-hand.ts';
import { dialogAnswers, region, runWorker, shortText } from './wizard-hand.ts';
import { screenTour } from './screen-tour.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(await realpath(tmpdir()), 'studio-keyboard-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the Tab key, on every screen', () => {
  const shared = sharedStudio();
  beforeAll(async () => {
    // So that a mark is there at once, or not at all.
    await shared().page.emulateMedia({ reducedMotion: 'reduce' });
  });

  it.each(screenTour())('$name', async ({ go }) => {
    const studio = shared();
    await go({ ...studio, folder });
    const passed = await tabThrough(studio.page);
    const stops = await tabbable(studio.page);
    expect(
      passed.filter(({ isMarked }) => !isMarked).map(({ name }) => name),
      'not marked',
    ).toEqual([]);
    expect(
      passed.filter(({ isInSight }) => !isInSight).map(({ name }) => name),
      'not in sight',
    ).toEqual([]);
    expect(passed.length, JSON.stringify([passed.map(({ name }) => name), stops], null, 1)).toBe(
      stops.length,
    );
  });
});

const button = (page: Page, name: string | RegExp): Locator => page.getByRole('button', { name });

const heading = (page: Page, name: string): Promise<void> =>
  page.getByRole('heading', { level: 1, name, exact: true }).waitFor();

/** Tabs to a field and writes over what it holds. */
async function typeInto(page: Page, field: Locator, text: string): Promise<void> {
  await tabTo(page, field);
  await page.keyboard.press('Control+A');
  await page.keyboard.type(text);
}

describe('without a mouse', () => {
  const shared = sharedStudio();
  // Keys follow each other faster than a hand's, and a question that is still opening is no place for them.
  beforeAll(() => shared().page.emulateMedia({ reducedMotion: 'reduce' }));

  it('a person comes from Home to Results', async () => {
    const { app, page } = shared();
    await tabTo(page, page.getByRole('main').getByRole('button', { name: 'New run' }));
    await page.keyboard.press('Enter');
    await heading(page, 'Model');
    await tabTo(page, button(page, 'Use the demo model'));
    await page.keyboard.press('Space');
    await region(page, 'demo').waitFor();
    await page.keyboard.press('Control+Enter');
    await heading(page, 'Plan');

    await typeInto(page, page.getByRole('spinbutton', { name: 'Pruning ratio' }), '40');
    await tabTo(page, page.getByRole('slider', { name: 'Pruning ratio' }));
    await page.keyboard.press('ArrowRight');
    await tabTo(page, page.getByRole('button', { name: 'All layers', exact: true }));
    await page.keyboard.press('Enter');
    await tabTo(page, page.getByRole('slider', { name: 'MLP layers, last' }));
    await page.keyboard.press('ArrowLeft');
    await tabTo(page, page.getByRole('combobox', { name: 'Criterion' }));
    await page.keyboard.press('Enter');
    for (let below = 0; below < criteria.indexOf('magnitude-l2'); below++)
      await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await tabTo(page, page.getByText('Advanced', { exact: true }));
    await page.keyboard.press('Enter');
    await typeInto(page, page.getByRole('spinbutton', { name: 'Seed' }), '9');
    await tabTo(page, page.getByRole('radio', { name: 'Map' }));
    await page.keyboard.press('ArrowRight');
    await region(page, 'What goes').getByRole('table').waitFor();
    await tabTo(page, button(page, 'Next: Data'));
    await page.keyboard.press('Enter');
    await heading(page, 'Data');

    const evaluation = region(page, 'Evaluation text');
    await dialogAnswers(app, await shortText(folder, 20_000));
    await tabTo(page, evaluation.getByRole('button', { name: 'Choose file…' }));
    await page.keyboard.press('Enter');
    await evaluation.getByText('short-').waitFor();
    await typeInto(page, evaluation.getByRole('spinbutton', { name: 'Sequence length' }), '64');
    await tabTo(page, region(page, 'Calibration data').getByRole('button', { name: /^Remove / }));
    await page.keyboard.press('Enter');
    await page.keyboard.press('Control+Enter');
    await heading(page, 'Recovery');
    await tabTo(page, page.getByRole('radiogroup', { name: 'Recovery training' }).getByRole('radio'));
    await page.keyboard.press('ArrowRight');
    await page.getByRole('group', { name: 'Preset' }).waitFor();
    await page.keyboard.press('ArrowLeft');
    await page.getByRole('group', { name: 'Preset' }).waitFor({ state: 'hidden' });
    await page.keyboard.press('Control+Enter');
    await page.getByRole('progressbar').first().waitFor();
    await button(page, 'See results').and(page.locator('[aria-disabled=false]')).waitFor({ timeout: 60_000 });
    await tabTo(page, button(page, 'See results'));
    await page.keyboard.press('Enter');
    await heading(page, 'demo, pruned');

    const recipe = await region(page, 'Recipe').getByRole('group').innerText();
    for (const said of [
      /criterion: magnitude-l2/,
      /ratio: 0.41/,
      /attention: \[0, 8\]/,
      /mlp: \[0, 7\]/,
      /seed: 9/,
      /source: null/,
      /seqLen: 64/,
    ]) {
      expect(recipe).toMatch(said);
    }
  });

  it('the model map is walked by arrows, and a layer opened and closed', async () => {
    const { page } = shared();
    const map = page.getByRole('application', { name: 'Model map' });
    const told = page.getByRole('figure', { name: 'Model map' }).getByRole('status');
    await tabTo(page, map);
    await expect.poll(() => told.innerText()).toMatch(/^Layer 0, head 0\./);
    const steps = [
      ['ArrowRight', /^Layer 1, head 0\./],
      ['ArrowRight', /^Layer 2, head 0\./],
      ['ArrowDown', /^Layer 2, head 1\./],
      ['PageDown', /^Layer 2, MLP\./],
      ['PageUp', /^Layer 2, head \d+\./],
      ['ArrowLeft', /^Layer 1, head \d+\./],
    ] as const;
    for (const [key, words] of steps) {
      await page.keyboard.press(key);
      await expect.poll(() => told.innerText(), { message: key }).toMatch(words);
    }
    const inspector = page.getByRole('complementary', { name: 'Layer 1' });
    await page.keyboard.press('Enter');
    await inspector.waitFor();
    await page.keyboard.press('Escape');
    await inspector.waitFor({ state: 'hidden' });
    await expectFocus(map);
    await page.keyboard.press('Enter');
    await tabTo(page, inspector.getByRole('button', { name: 'Close' }));
    await page.keyboard.press('Enter');
    await inspector.waitFor({ state: 'hidden' });
    await expectFocus(map);
  });

  it('steps and places are gone to by their keys', async () => {
    const { page } = shared();
    const places = [
      ['Alt+5', 'Run of demo'],
      ['Alt+4', 'Recovery'],
      ['Alt+3', 'Data'],
      ['Alt+2', 'Plan'],
      ['Alt+1', 'Model'],
      ['Control+2', 'Runs'],
      ['Control+3', 'Compare'],
      ['Control+Comma', 'Settings'],
      ['Control+1', 'Home'],
      ['Control+N', 'Model'],
    ] as const;
    for (const [keys, name] of places) {
      await page.keyboard.press(keys);
      await heading(page, name);
      await expectFocus(page.getByRole('heading', { level: 1 }));
    }
  });

  it('settings are changed by arrows, at once', async () => {
    const { page } = shared();
    await page.keyboard.press('Control+Comma');
    await tabTo(page, page.getByRole('radiogroup', { name: 'Language' }).getByRole('radio'));
    await page.keyboard.press('ArrowLeft');
    await heading(page, '设置');
    await expectFocus(page.getByRole('radio', { name: '中文' }));
    await page.keyboard.press('ArrowLeft');
    await heading(page, 'Settings');
    await tabTo(page, page.getByRole('radiogroup', { name: 'Theme' }).getByRole('radio'));
    await page.keyboard.press('ArrowLeft');
    await page.locator('html[data-theme=dark]').waitFor();
    await page.keyboard.press('ArrowLeft');
    await page.locator('html[data-theme=light]').waitFor();
  });

  it('a run that was deleted is brought back from where the keyboard is, or goes for good', async () => {
    const { page } = shared();
    await page.keyboard.press('Control+2');
    await tabTo(page, button(page, /^Delete: /));
    await page.keyboard.press('Enter');
    await expectFocus(button(page, /^Undo: /));
    await page.getByText('No runs yet.').waitFor();
    await page.keyboard.press('Enter');
    await expectFocus(page.getByRole('heading', { level: 1 }));
    expect(await call(page, 'run:list')).toHaveLength(1);
    await tabTo(page, button(page, /^Delete: /));
    await page.keyboard.press('Enter');
    await expectFocus(button(page, /^Undo: /));
    await page.keyboard.press('Tab');
    await expectFocus(button(page, /^Delete for good: /));
    await page.keyboard.press('Enter');
    await button(page, /^Undo: /).waitFor({ state: 'detached' });
    expect(await call(page, 'run:list')).toEqual([]);
    expect(await call(page, 'run:deleted')).toEqual([]);
  });

  it('what is not possible yet says why, to those who see it too', async () => {
    const { page } = shared();
    await page.keyboard.press('Control+N');
    await tabTo(page, button(page, 'Next: Plan'));
    const reason = page.getByRole('tooltip').filter({ visible: true });
    await expect.poll(() => reason.allInnerTexts()).toEqual(['Choose a model first.']);
    await tabTo(page, page.getByRole('link', { name: 'Run' }));
    await expect.poll(() => reason.allInnerTexts()).toEqual(['Start the run in the Recovery step.']);
  });

  it('a run is stopped, and the queue put in another order', async () => {
    const studio = shared();
    const { page } = studio;
    for (const samples of ['900', '800', '700']) {
      await page.keyboard.press('Control+N');
      await tabTo(page, button(page, 'Use the demo model'));
      await page.keyboard.press('Enter');
      await region(page, 'demo').waitFor();
      await page.keyboard.press('Alt+3');
      const calibration = region(page, 'Calibration data');
      await typeInto(page, calibration.getByRole('spinbutton', { name: 'Samples' }), samples);
      await page.keyboard.press('Control+Enter');
      await heading(page, 'Recovery');
      await page.keyboard.press('Control+Enter');
      await page.getByRole('progressbar').first().waitFor();
    }
    const waiting = async (): Promise<string[]> =>
      (await call(page, 'run:list'))
        .filter(({ queuePosition }) => queuePosition !== null)
        .sort((a, b) => (a.queuePosition ?? 0) - (b.queuePosition ?? 0))
        .map(({ id }) => id);
    await page.keyboard.press('Control+2');
    const [second, third] = await waiting();
    await tabTo(page, page.getByRole('row').nth(3).getByRole('button', { name: 'Move up' }));
    await page.keyboard.press('Enter');
    await expect.poll(waiting).toEqual([third, second]);
    for (const left of [1, 0]) {
      await tabTo(page, page.getByRole('row').nth(2).getByRole('button', { name: 'Cancel' }));
      await page.keyboard.press('Enter');
      await expect.poll(async () => (await waiting()).length).toBe(left);
    }

    const running = page.getByRole('row').filter({ hasText: 'Running' });
    await tabTo(page, running.getByRole('link'));
    await page.keyboard.press('Enter');
    await heading(page, 'Pruning demo');
    process.kill(await runWorker(studio), 'SIGSTOP');
    await tabTo(page, button(page, 'Cancel run'));
    await page.keyboard.press('Enter');
    await tabTo(page, button(page, 'Stop now'));
    await page.keyboard.press('Enter');
    const question = page.getByRole('tooltip').filter({ hasText: 'Stop without waiting?' });
    await expectFocus(question.getByRole('button', { name: 'Keep waiting' }));
    await page.keyboard.press('Escape');
    await question.waitFor({ state: 'hidden' });
    await expectFocus(button(page, 'Stop now'));
    await page.keyboard.press('Enter');
    await expectFocus(question.getByRole('button', { name: 'Keep waiting' }));
    await tabTo(page, question.getByRole('button', { name: 'Stop now' }));
    await page.keyboard.press('Enter');
    await heading(page, 'Run of demo');
    await expect.poll(() => workerPids(studio)).toEqual([]);
  });
});
