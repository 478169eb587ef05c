import { copyFile, cp, mkdir, mkdtemp, realpath, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RunReport } from '../../preload/contract.ts';
import en from '../../renderer/locales/en.json' with { type: 'json' };
import zh from '../../renderer/locales/zh-CN.json' with { type: 'json' };
import { command, documentOf } from '../fixtures/command-line.ts';
import { patienceMs, startStudio, workerPids, type OpenStudio } from './harness.ts';
import {
  barRow,
  chooseDemo,
  demo,
  dialogAnswers,
  goOn,
  numberIn,
  region,
  runWorker,
  seeResults,
  shortText,
  showFullDigits,
  type,
} from './wizard-hand.ts';

/** Real pickles that run programs where they are believed. */
const attacks = path.join(import.meta.dirname, '../golden/torch/attacks');

let folder: string;
let text: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(await realpath(tmpdir()), 'studio-trouble-'));
  text = await shortText(folder, 40_000);
  await cp(path.join(demo, 'model'), path.join(folder, 'good-model'), { recursive: true });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Of the calibration set: enough for some seconds in the midst of a run. */
const samples = 48;

/** What an undisturbed run of the command line comes to. */
let undisturbed: RunReport | undefined;

async function commandLineRun(): Promise<RunReport> {
  const recipe = path.join(folder, 'recipe.yaml');
  const calibration = { source: path.join(demo, 'calibration.jsonl'), samples, seqLen: 128 };
  const evaluate = { text, seqLen: 128 };
  await writeFile(
    recipe,
    JSON.stringify({ model: path.join(demo, 'model'), prune: { ratio: 0.3 }, calibration, evaluate }),
  );
  const out = path.join(folder, 'run');
  return documentOf(await command('run', recipe, '--out', out, '--json')) as RunReport;
}

/** Sets up the demo by hand, with the short text, and starts it. */
async function startDemo({ app, page }: OpenStudio): Promise<void> {
  await chooseDemo(page);
  await goOn(page, 'Model');
  await goOn(page, 'Plan');
  const calibration = region(page, 'Calibration data');
  await type(calibration.getByRole('spinbutton', { name: 'Samples' }), String(samples));
  await dialogAnswers(app, text);
  await region(page, 'Evaluation text').getByRole('button', { name: 'Choose file…' }).click();
  await goOn(page, 'Data');
  await goOn(page, 'Recovery');
}

/** Waits until some of the estimate is done, and not all of it. */
async function midway(page: Page): Promise<void> {
  const estimate = page.getByRole('progressbar', { name: 'Estimate importance' });
  const done = async (): Promise<number> => Number(await estimate.getAttribute('aria-valuenow'));
  await expect.poll(done, { timeout: 60_000, interval: 30 }).toBeGreaterThan(5);
  expect(await done()).toBeLessThan(100);
}

async function expectUndisturbed(page: Page): Promise<void> {
  await seeResults(page);
  await showFullDigits(page);
  undisturbed ??= await commandLineRun();
  const { before, after } = undisturbed;
  for (const [name, of] of [
    [/^Before/, before],
    [/^After$/, after],
  ] as const) {
    const { Perplexity, ...costs } = await barRow(page, name);
    expect(Object.values(costs).map(numberIn)).toEqual([
      of.parameters,
      of.macs,
      of.weightBytes,
      of.memoryBytes,
    ]);
    expect(Perplexity).toBe(of.perplexity?.toPrecision(5));
  }
}

type Recording = Window & { positions?: number[] };

/** Notes in the page, from now on and after every reload, how far the four stages are, at each change of it. */
async function recordProgress(page: Page): Promise<() => Promise<readonly number[]>> {
  const record = (): void => {
    const positions: number[] = ((window as Recording).positions ??= []);
    const look = (): void => {
      const bars = [...document.querySelectorAll('[role=progressbar]')];
      if (bars.length !== 4) return;
      positions.push(bars.reduce((sum, bar) => sum + Number(bar.getAttribute('aria-valuenow')), 0));
    };
    look();
    new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true });
  };
  await page.evaluate(record);
  await page.addInitScript(record);
  return () => page.evaluate(() => (window as Recording).positions ?? []);
}

function expectNeverBack(positions: readonly number[]): void {
  expect(positions.length).toBeGreaterThan(2);
  expect(positions).toEqual([...positions].sort((a, b) => a - b));
}

describe('a run at work', () => {
  it('stops when it is cancelled, says so, and resumes to the same numbers', async () => {
    const studio = await startStudio();
    const { page } = studio;
    await startDemo(studio);
    await midway(page);
    await page.getByRole('button', { name: 'Cancel run' }).click();
    await page.getByRole('main').getByText('Cancelled', { exact: true }).waitFor();
    await expect.poll(() => workerPids(studio)).toEqual([]);
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('Run of demo');
    expect(await page.getByRole('alert').count()).toBe(0);
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByRole('heading', { name: 'Pruning demo' }).waitFor();
    await expectUndisturbed(page);
  });

  it('that loses its process says what happened and what to do, and resumes to the same numbers', async () => {
    const studio = await startStudio();
    const { page } = studio;
    await startDemo(studio);
    await midway(page);
    process.kill(await runWorker(studio), 'SIGKILL');
    const alert = page.getByRole('alert');
    await alert.waitFor();
    const [title, what, hint] = (await alert.innerText()).split('\n').filter((line) => line.trim() !== '');
    expect(title).toBe("The run's process ended unexpectedly");
    expect(what).toMatch(/SIGKILL|killed|signal|code/i);
    expect(hint).toMatch(/resume/i);
    expect(await page.getByRole('main').getByText('Failed', { exact: true }).count()).toBe(1);
    await page.getByRole('button', { name: 'Resume' }).click();
    await alert.waitFor({ state: 'hidden' });
    await expectUndisturbed(page);
  });

  it('goes on when the page is reloaded, which finds it and never shows less', async () => {
    const studio = await startStudio();
    const { page } = studio;
    await startDemo(studio);
    const positions = await recordProgress(page);
    await midway(page);
    const before = await positions();
    await page.reload();
    await page.getByRole('heading', { name: 'Pruning demo' }).waitFor();
    await page.getByRole('button', { name: 'See results', disabled: false }).waitFor({ timeout: 60_000 });
    const after = await positions();
    expectNeverBack([...before, ...after]);
    expect(after[0]).toBeLessThan(400);
    expect(after.at(-1)).toBe(400);
    await expectUndisturbed(page);
  });
});

describe('a model folder', () => {
  const truncated = async (at: string): Promise<void> => {
    await cp(path.join(demo, 'model'), at, { recursive: true });
    await truncate(path.join(at, 'model.safetensors'), 100);
  };
  const brokenConfig = async (at: string): Promise<void> => {
    await cp(path.join(demo, 'model'), at, { recursive: true });
    await writeFile(path.join(at, 'config.json'), '{"architectures": ["Lla');
  };
  const hostile = async (at: string): Promise<void> => {
    await mkdir(at);
    await copyFile(path.join(demo, 'model', 'config.json'), path.join(at, 'config.json'));
    await copyFile(path.join(attacks, 'os-system.bin'), path.join(at, 'pytorch_model.bin'));
  };
  const weightless = async (at: string): Promise<void> => {
    await mkdir(at);
    await copyFile(path.join(demo, 'model', 'config.json'), path.join(at, 'config.json'));
  };
  const empty = async (at: string): Promise<void> => {
    await mkdir(at);
  };

  it.each([
    ['cut off', truncated, 'A weights file is cut off', /Download|download|copy|again/],
    ['with half a config', brokenConfig, 'A JSON file is damaged', /again|source|download/i],
    ['whose pickle asks for a program', hostile, 'A file asks for code to be run', /trust/],
    ['that is empty', empty, 'A file is missing', /folder/],
  ])('%s is refused in words that help, and another one is taken', async (_name, make, title, help) => {
    const { app, page } = await startStudio();
    const bad = path.join(folder, 'bad-model');
    await make(bad);
    await page.getByRole('button', { name: 'New run' }).first().click();
    await dialogAnswers(app, bad);
    await page.getByRole('button', { name: 'Choose folder…' }).click();
    const alert = page.getByRole('alert');
    const [said, what, hint] = await paragraphs(alert);
    expect(said).toBe(title);
    expect(what).toContain(bad);
    expect(hint).toMatch(help);
    expect(await page.getByRole('button', { name: 'Next: Plan' }).getAttribute('aria-disabled')).toBe('true');
    await rm(bad, { recursive: true });

    await dialogAnswers(app, path.join(folder, 'good-model'));
    await alert.getByRole('button', { name: 'Choose folder…' }).click();
    await region(page, 'good-model').waitFor();
    expect(await alert.count()).toBe(0);
    await goOn(page, 'Model');
    await page.getByRole('heading', { name: 'Plan', level: 1 }).waitFor();
  });

  it('without weights can be planned with, and says what a run needs', async () => {
    const { app, page } = await startStudio();
    const weightlessModel = path.join(folder, 'weightless');
    await weightless(weightlessModel);
    await page.getByRole('button', { name: 'New run' }).first().click();
    await dialogAnswers(app, weightlessModel);
    await page.getByRole('button', { name: 'Choose folder…' }).click();
    await page.getByText('The folder has a config but no weights.').waitFor();
    await goOn(page, 'Model');
    await goOn(page, 'Plan');
    await page.keyboard.press('Alt+4');
    const start = page.getByRole('button', { name: 'Start run' });
    expect(await start.getAttribute('aria-disabled')).toBe('true');
    expect(await start.innerText()).toContain('The model folder has no weights.');

    await page.keyboard.press('Alt+1');
    await page.getByRole('button', { name: 'Use the demo model' }).click();
    await region(page, 'demo').waitFor();
    await goOn(page, 'Model');
    await goOn(page, 'Plan');
    await goOn(page, 'Data');
    await expect.poll(() => page.getByRole('button', { name: 'Start run', disabled: false }).count()).toBe(1);
  });
});

async function paragraphs(alert: Locator): Promise<string[]> {
  await alert.waitFor();
  return alert.locator('strong, p').allInnerTexts();
}

describe('what is dropped on the window', () => {
  it('opens as a model, or is chosen as the text it is dropped for', async () => {
    const { page } = await startStudio();
    await drop(page, path.join(folder, 'good-model'), 'Drop the model folder here');
    await region(page, 'good-model').waitFor();
    await goOn(page, 'Model');
    await goOn(page, 'Plan');
    await drop(page, text, 'Drop the evaluation text here');
    const evaluation = region(page, 'Evaluation text');
    await evaluation.getByText(path.basename(text)).waitFor();
    await evaluation.getByText(/^[\d,]+ tokens, [\d,]+ chunks$/).waitFor();
    const calibration = region(page, 'Calibration data');
    expect(await calibration.getByText(path.basename(text)).count()).toBe(0);
    await drop(page, path.join(demo, 'calibration.jsonl'), 'Drop calibration data here');
    await calibration.getByText('calibration.jsonl').waitFor();
    await region(page, 'Calibration samples').getByText('The run reads').waitFor();
    await goOn(page, 'Data');
    await expect.poll(() => page.getByRole('button', { name: 'Start run', disabled: false }).count()).toBe(1);
    await page.getByText('On', { exact: true }).click();
    await drop(page, text, 'Drop the training data here');
    await region(page, 'Rows as they are trained').getByText('for validation').waitFor();
    expect(await page.getByRole('button', { name: 'Start run', disabled: false }).count()).toBe(1);
  });
});

/** Drags a file of the disk over the window and lets it go where the window then says to. */
async function drop(page: Page, file: string, zone: string): Promise<void> {
  const drag = await page.context().newCDPSession(page);
  const data = { items: [], files: [file], dragOperationsMask: 1 };
  const at = (
    type: 'dragEnter' | 'dragOver' | 'dragCancel' | 'drop',
    x: number,
    y: number,
  ): Promise<unknown> => drag.send('Input.dispatchDragEvent', { type, x, y, data });
  // A screen that has just come up may not listen yet: what is dragged over it then comes once more.
  await vi.waitFor(async () => {
    await at('dragCancel', 10, 10);
    await at('dragEnter', 10, 10);
    await page.getByText(zone).waitFor({ timeout: 3000 });
  }, patienceMs);
  const box = await page.getByText(zone).boundingBox();
  if (box === null) throw new Error(`There is no place that says "${zone}".`);
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await at('dragOver', x, y);
  await at('drop', x, y);
  await drag.detach();
}

describe('language and theme', () => {
  const isDark = (page: Page): Promise<boolean> =>
    page.evaluate(() => getComputedStyle(document.documentElement).colorScheme === 'dark');

  /** Through the Settings screen, with the names that the language on screen has for it. */
  async function switchTo(
    page: Page,
    from: typeof en | typeof zh,
    language: string,
    theme: string,
  ): Promise<void> {
    await page
      .getByRole('navigation', { name: from.rail.name })
      .getByRole('button', { name: from.rail.settings })
      .click();
    await page.getByText(language, { exact: true }).click();
    const to = language === 'English' ? en : zh;
    await page.getByRole('radiogroup', { name: to.settings.theme }).getByText(theme, { exact: true }).click();
  }

  it('change in the midst of a plan and lose nothing of it', async () => {
    const { page } = await startStudio();
    await chooseDemo(page);
    await goOn(page, 'Model');
    const ratio = (texts: typeof en | typeof zh): Locator =>
      page.getByRole('spinbutton', { name: texts.plan.ratio });
    await type(ratio(en), '42');
    await page.getByRole('button', { name: 'All layers', exact: true }).click();
    await goOn(page, 'Plan');
    const seed = (texts: typeof en | typeof zh): Locator =>
      region(page, texts.data.calibration).getByRole('spinbutton', { name: texts.plan.seed });
    await type(seed(en), '77');
    await page.keyboard.press('Alt+2');

    await switchTo(page, en, '中文', zh.settings.themes.dark);
    expect(await isDark(page)).toBe(true);
    await page.goBack();
    await page.getByRole('heading', { name: zh.steps.plan, level: 1 }).waitFor();
    expect(await ratio(zh).inputValue()).toBe('42');
    expect(
      await page.getByRole('button', { name: zh.plan.allLayers, exact: true, pressed: true }).count(),
    ).toBe(1);
    expect(await page.getByText(en.plan.howMuch).count()).toBe(0);
    await page.keyboard.press('Alt+3');
    await expect.poll(() => seed(zh).inputValue()).toBe('77');

    await page.keyboard.press('Alt+2');
    await switchTo(page, zh, 'English', en.settings.themes.light);
    expect(await isDark(page)).toBe(false);
    await page.goBack();
    await page.getByRole('heading', { name: en.steps.plan, level: 1 }).waitFor();
    expect(await ratio(en).inputValue()).toBe('42');
  });

  it('change under the hand of somebody who is typing', async () => {
    const { page } = await startStudio();
    await chooseDemo(page);
    await goOn(page, 'Model');
    const ratio = page.getByRole('spinbutton', { name: en.plan.ratio });
    await ratio.fill('3');
    await page.evaluate(() => window.studio.call('settings:set', { language: 'zh-CN', theme: 'dark' }));
    await page.getByRole('heading', { name: zh.steps.plan, level: 1 }).waitFor();
    await page.keyboard.type('7');
    await expect.poll(() => page.getByRole('spinbutton', { name: zh.plan.ratio }).inputValue()).toBe('37');
  });

  it('change while a run is at work, which goes on and never shows less', async () => {
    const studio = await startStudio();
    const { page } = studio;
    await startDemo(studio);
    const positions = await recordProgress(page);
    await midway(page);
    await switchTo(page, en, '中文', zh.settings.themes.dark);
    await page.goBack();
    await page.getByRole('heading', { name: zh.run.title.replace('{{model}}', 'demo') }).waitFor();
    await page.getByRole('progressbar', { name: zh.stages.estimate.name }).waitFor();
    expect(await isDark(page)).toBe(true);
    await page
      .getByRole('button', { name: zh.actions.toResults, disabled: false })
      .waitFor({ timeout: 60_000 });
    expectNeverBack(await positions());
    expect((await positions()).at(-1)).toBe(400);
  });
});
