import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { PrunePlan } from '../../main/engine/prune/plan.ts';
import type { RunReport } from '../../preload/contract.ts';
import { command, documentOf } from '../fixtures/command-line.ts';
import { call, patienceMs, sharedStudio } from './harness.ts';
import {
  barRow,
  choose,
  chooseDemo,
  copied,
  demo,
  goOn,
  numberIn,
  region,
  seeResults,
  showFullDigits,
  type,
  widthRows,
} from './wizard-hand.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(await realpath(tmpdir()), 'studio-plan-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What the command line plans by a recipe for the demo model. */
async function planned(prune: object): Promise<{ readonly parameters: number; readonly layers: Layers }> {
  const file = path.join(folder, 'recipe.yaml');
  await writeFile(file, JSON.stringify({ model: path.join(demo, 'model'), prune }));
  const { after, layers } = documentOf(await command('plan', file, '--json')) as {
    readonly after: { readonly parameters: number };
    readonly layers: Layers;
  };
  return { parameters: after.parameters, layers };
}

type Layers = readonly { readonly after: { readonly heads: number; readonly mlpWidth: number } | null }[];

/** Opens a layer on the map on screen, by keyboard. */
async function openLayer(page: Page, layer: number): Promise<Locator> {
  const inspector = page.getByRole('complementary', { name: `Layer ${layer}`, exact: true });
  const map = page.getByRole('application', { name: 'Model map' });
  await map.press('Home');
  for (let i = 0; i < layer; i++) await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await inspector.waitFor();
  return inspector;
}

async function treat(inspector: Locator, kind: 'Attention' | 'MLP', how: string): Promise<void> {
  await inspector.getByRole('radiogroup', { name: kind }).getByText(how, { exact: true }).click();
}

const editsIn = (page: Page): Promise<string[]> =>
  region(page, 'Changes by hand').getByRole('listitem').locator('> span').allInnerTexts();

/** Waits until the prediction has followed, and reads the widths that stay in the table: heads and MLP of each layer. */
async function predicted(page: Page, parameters: number): Promise<number[][]> {
  await vi.waitFor(
    async () => expect(numberIn((await barRow(page, /^After, predicted/)).Parameters)).toBe(parameters),
    patienceMs,
  );
  await page.getByText('Table', { exact: true }).click();
  const rows = await widthRows(page.getByRole('region', { name: /^What (goes|the plan takes)$/ }));
  await page.getByText('Map', { exact: true }).click();
  return rows.map((row) => [numberIn(row[2]), numberIn(row[5])]);
}

const widthsOf = (layers: Layers): number[][] =>
  layers.map(({ after }) => [after?.heads ?? 0, after?.mlpWidth ?? 0]);

async function runFolder(page: Page): Promise<string> {
  const [{ id: runId }] = await call(page, 'run:list');
  return (await call(page, 'run:get', { runId })).folder;
}

async function readJson<T>(...place: string[]): Promise<T> {
  return JSON.parse(await readFile(path.join(...place), 'utf8')) as T;
}

describe('a plan that was edited by hand', () => {
  const shared = sharedStudio();
  const edits = {
    exclude: { attention: [3], mlp: [] },
    ratios: { attention: {}, mlp: { 3: 0.5, 7: 0.25 } },
    keep: { heads: { 2: [9] } },
  };

  it('shows what it comes to at once, and can be taken back', async () => {
    const { page } = shared();
    await chooseDemo(page);
    await goOn(page, 'Model');
    await choose(page, 'Criterion', 'Magnitude L2');
    await showFullDigits(page);
    const third = await openLayer(page, 3);
    await treat(third, 'Attention', 'Leave whole');
    await treat(third, 'MLP', 'Own ratio');
    await type(third.getByRole('spinbutton', { name: 'MLP, ratio of this layer' }), '50');
    const last = await openLayer(page, 7);
    await treat(last, 'MLP', 'Own ratio');
    await type(last.getByRole('spinbutton', { name: 'MLP, ratio of this layer' }), '25');
    const second = await openLayer(page, 2);
    await second.getByRole('button', { name: 'Pin: Head 9', exact: true }).click();
    await expect
      .poll(() => editsIn(page))
      .toEqual([
        'Layer 2, pinned heads: 9',
        'Layer 3, Attention: left whole',
        'Layer 3, MLP: 50.0 %',
        'Layer 7, MLP: 25.0 %',
      ]);
    const { parameters, layers } = await planned({ ratio: 0.3, edits });
    expect(await predicted(page, parameters)).toEqual(widthsOf(layers));

    const changes = region(page, 'Changes by hand');
    await changes.getByRole('button', { name: 'Reset' }).click();
    await expect.poll(() => editsIn(page)).toEqual([]);
    const unedited = await planned({ ratio: 0.3 });
    expect(await predicted(page, unedited.parameters)).toEqual(widthsOf(unedited.layers));
    await changes.getByRole('button', { name: 'Undo' }).click();
    await expect.poll(() => editsIn(page)).toHaveLength(4);
    await changes.getByRole('button', { name: 'Remove: Layer 7, MLP: 25.0 %' }).click();
    await expect.poll(() => editsIn(page)).toHaveLength(3);
    await changes.getByRole('button', { name: 'Undo' }).click();
    expect(await predicted(page, parameters)).toEqual(widthsOf(layers));
  });

  it('is what the run prunes by, and part of its recipe', async () => {
    const { page } = shared();
    await goOn(page, 'Plan');
    await region(page, 'Evaluation text')
      .getByRole('button', { name: /^Remove / })
      .click();
    await goOn(page, 'Data');
    await goOn(page, 'Recovery');
    await seeResults(page);
    const { parameters, layers } = await planned({ ratio: 0.3, edits });
    const rows = await widthRows(region(page, 'Widths of each layer'));
    expect(rows.map((row) => [numberIn(row[2]), numberIn(row[5])])).toEqual(widthsOf(layers));
    const run = await runFolder(page);
    expect((await readJson<RunReport>(run, 'report.json')).after.parameters).toBe(parameters);
    const plan = await readJson<PrunePlan>(run, 'plan.json');
    expect(plan.layers[2]?.attention.keptKvHeads).toContain(9);
    const { settings } = await call(page, 'run:get', { runId: (await call(page, 'run:list'))[0].id });
    expect(settings.prune.edits).toEqual(edits);
    const recipe = await region(page, 'Recipe').getByRole('group').innerText();
    expect(recipe).toMatch(/edits:[^]*exclude:[^]*keep:/);
  });

  it('comes back with the settings of the run', async () => {
    const { page } = shared();
    await page.getByRole('button', { name: 'New run with these settings' }).click();
    await expect.poll(() => editsIn(page)).toHaveLength(4);
  });
});

describe('the importance that a run found', () => {
  const shared = sharedStudio();
  let plan: PrunePlan;

  beforeAll(async () => {
    const { page } = shared();
    await chooseDemo(page);
    await goOn(page, 'Model');
    await choose(page, 'Criterion', 'Magnitude L2');
    await goOn(page, 'Plan');
    await region(page, 'Evaluation text')
      .getByRole('button', { name: /^Remove / })
      .click();
    await goOn(page, 'Data');
    await goOn(page, 'Recovery');
    await seeResults(page);
    plan = await readJson<PrunePlan>(await runFolder(page), 'plan.json');
    await page.getByRole('link', { name: 'Importance', exact: true }).click();
    await region(page, 'Scores of attention heads').getByRole('img').waitFor();
  });

  it('is drawn from the scores of the run, with what stayed', async () => {
    const { app, page } = shared();
    const run = await runFolder(page);
    const csv = await copied(
      app,
      region(page, 'Scores of attention heads').getByRole('button', { name: 'Copy as CSV' }),
    );
    const rows = csv
      .trim()
      .split('\r\n')
      .slice(1)
      .map((row) => row.split(',').map(Number));
    for (const layer of [1, 6]) {
      const { heads } = await readJson<{ heads: number[] }>(run, 'scores', `layer-00${layer}.json`);
      const drawn = rows.filter(([of]) => of === layer);
      expect(drawn.map(([, head, score]) => [head, score])).toEqual(
        heads.map((score, head) => [head, score]).sort(([, a], [, b]) => b - a),
      );
      const stayed = drawn.filter(([, , , stays]) => stays === 1).map(([, head]) => head);
      expect(stayed.sort((a, b) => a - b)).toEqual(plan.layers[layer]?.attention.keptKvHeads);
    }
  });

  it('shows what an edited plan takes by the same scores, and takes it to a new run', async () => {
    const { page } = shared();
    await showFullDigits(page);
    const kept = plan.layers[4]?.attention.keptKvHeads ?? [];
    const going = Array.from({ length: 10 }, (_, head) => head).filter((head) => !kept.includes(head));
    const fourth = await openLayer(page, 4);
    const goesIn = async (): Promise<number[]> =>
      (await fourth.locator('.head-scores .going .head-score-name').allInnerTexts()).map(numberIn);
    expect(await goesIn()).toEqual(going);
    await fourth.getByRole('button', { name: `Pin: Head ${going[0]}`, exact: true }).click();
    // As many go as before: the next in rank goes in its place.
    await vi.waitFor(async () => {
      const now = await goesIn();
      expect(now).toHaveLength(going.length);
      expect(now).not.toContain(going[0]);
    }, patienceMs);
    await treat(fourth, 'MLP', 'Leave whole');
    const edits = {
      exclude: { attention: [], mlp: [4] },
      ratios: { attention: {}, mlp: {} },
      keep: { heads: { 4: [going[0]] } },
    };
    const { parameters, layers } = await planned({ ratio: 0.3, edits });
    expect(await predicted(page, parameters)).toEqual(widthsOf(layers));
    await page.getByRole('button', { name: 'Prune with this plan' }).click();
    await page.getByRole('heading', { level: 1, name: 'Plan' }).waitFor();
    expect(await editsIn(page)).toEqual(['Layer 4, MLP: left whole', `Layer 4, pinned heads: ${going[0]}`]);
    await page.getByText('by the scores of an earlier run').waitFor();
  });
});

describe('a target size and a mode', () => {
  const shared = sharedStudio();
  const whole = 2_869_920;

  it('are solved for, or told how far one can get', async () => {
    const { page } = shared();
    await chooseDemo(page);
    await goOn(page, 'Model');
    await showFullDigits(page);
    await region(page, 'How much').getByText('Target size', { exact: true }).click();
    await choose(page, 'Unit of the target', 'of the model');
    await type(page.getByRole('spinbutton', { name: 'What is to stay' }), '70');
    const { parameters, layers } = await planned({ target: { percent: 70 } });
    expect(parameters).toBeLessThanOrEqual(0.7 * whole);
    expect(await predicted(page, parameters)).toEqual(widthsOf(layers));
    await type(page.getByRole('spinbutton', { name: 'What is to stay' }), '5');
    const refused = page.getByRole('alert');
    await refused.getByText('The target is out of reach').waitFor();
    expect(await refused.innerText()).toMatch(/these layers leave [\d,]+ parameters \([\d.]+ %\) at least/);
    expect(await page.getByRole('button', { name: 'Next: Data' }).getAttribute('aria-disabled')).toBe('true');
  });

  it('take whole layers where that is asked, and nothing that has no meaning then', async () => {
    const { page } = shared();
    await region(page, 'How much').getByText('Ratio', { exact: true }).click();
    await page.getByRole('radiogroup', { name: 'What is removed' }).getByText('Layers').click();
    await expect.poll(() => region(page, 'Where').count()).toBe(0);
    expect(await page.getByRole('combobox', { name: 'Criterion' }).count()).toBe(0);
    await page.getByRole('radiogroup', { name: 'Which layers' }).getByText('The last').click();
    const { parameters, layers } = await planned({ mode: 'layer', drop: 'last', ratio: 0.3 });
    expect(await predicted(page, parameters)).toEqual(widthsOf(layers));
    await goOn(page, 'Plan');
    await region(page, 'Evaluation text')
      .getByRole('button', { name: /^Remove / })
      .click();
    await goOn(page, 'Data');
    await goOn(page, 'Recovery');
    await seeResults(page);
    const run = await runFolder(page);
    expect((await readJson<RunReport>(run, 'report.json')).after.parameters).toBe(parameters);
    const rows = await widthRows(region(page, 'Widths of each layer'));
    expect(rows.map((row) => [numberIn(row[2]), numberIn(row[5])])).toEqual(widthsOf(layers));
    const { layers: kept } = await readJson<PrunePlan>(run, 'plan.json');
    expect(kept.flatMap((layer, i) => (layer === null ? [i] : []))).toEqual([5, 6, 7]);
  });
});
