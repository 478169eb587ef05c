import { existsSync } from 'node:fs';
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, endStudio, sharedStudio, startStudio, type OpenStudio } from './harness.ts';
import { runEnded } from './long-run.ts';
import { dialogAnswers, region, shortText, type } from './wizard-hand.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(await realpath(tmpdir()), 'studio-compare-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A run of the demo without gradients: some seconds. */
async function demoRun(
  studio: OpenStudio,
  criterion: 'magnitude-l2' | 'random',
  ratio = 0.3,
): Promise<string> {
  const { app, page } = studio;
  const { id: modelId } = await call(page, 'model:demo');
  await dialogAnswers(app, await shortText(folder, 20_000));
  const text = await call(page, 'text:pick');
  const { runId } = await call(page, 'run:start', {
    modelId,
    prune: {
      criterion,
      aggregation: 'sum',
      ratio,
      gqaFold: 'correct',
      layers: { attention: [1, 7], mlp: [1, 7] },
      seed: 42,
    },
    calibration: { sourceId: null, samples: null, seqLen: 64, seed: 42 },
    evaluate: { textId: text?.id ?? null, seqLen: 128, samples: null },
    recover: null,
  });
  const { run, progress } = await runEnded(studio, runId);
  expect(run.state, JSON.stringify(progress)).toBe('finished');
  return runId;
}

const rows = (page: Page): Locator => page.getByRole('region', { name: 'Runs' }).locator('tbody tr');
const searchFor = (page: Page, text: string): Promise<void> =>
  page.getByRole('searchbox', { name: 'Search runs' }).fill(text);

async function savesAs({ app }: OpenStudio, file: string): Promise<void> {
  await app.evaluate(({ dialog }, filePath) => {
    dialog.showSaveDialog = () => Promise.resolve({ canceled: false, filePath });
  }, file);
}

describe('two runs of the demo', () => {
  const shared = sharedStudio();
  let runIds: string[];
  beforeAll(async () => {
    runIds = [await demoRun(shared(), 'magnitude-l2'), await demoRun(shared(), 'random')];
  });

  it('are found by name, criterion, tag and note, and sorted by a column', async () => {
    const { page } = shared();
    await page.keyboard.press('Control+2');
    await expect.poll(() => rows(page).count()).toBe(2);
    await searchFor(page, 'MAGNITUDE');
    await expect.poll(() => rows(page).count()).toBe(1);
    await page.getByRole('button', { name: /^Edit: / }).click();
    await page.getByRole('textbox', { name: 'Name' }).fill('the better one');
    await page.getByRole('textbox', { name: 'Tags' }).fill('paper, 要保留');
    await page.getByRole('textbox', { name: 'Note' }).fill('for the talk');
    await page.getByRole('button', { name: 'Save' }).click();
    for (const words of ['better', '保留', 'talk demo', 'l2']) {
      await searchFor(page, words);
      await expect.poll(() => rows(page).count(), { message: words }).toBe(1);
    }
    await searchFor(page, 'better random');
    await page.getByText('No run has all these words').waitFor();
    await page.reload();
    const perplexity = page.getByRole('columnheader', { name: 'Perplexity' });
    await perplexity.getByRole('button').click();
    await expect.poll(() => perplexity.getAttribute('aria-sort')).toBe('ascending');
    expect(await rows(page).first().innerText()).toContain('the better one');
    await perplexity.getByRole('button').click();
    await expect.poll(() => perplexity.getAttribute('aria-sort')).toBe('descending');
    expect(await rows(page).last().innerText()).toContain('the better one');
  });

  it('stand side by side in numbers, against any baseline, and in their recipes', async () => {
    const { page } = shared();
    await page.keyboard.press('Control+2');
    for (const box of await page.getByRole('checkbox', { name: /^Choose for comparison/ }).all())
      await box.check();
    await page.getByRole('button', { name: 'Compare (2)' }).click();
    const numbers = region(page, 'Numbers');
    await numbers.getByRole('table').waitFor();
    const row = (name: string): Locator => numbers.getByRole('row', { name: new RegExp(`^${name}`) });
    const asked = { runs: runIds.map((runId) => ({ runId, roles: null })), modelIds: [] };
    const comparison = await call(page, 'compare:models', { ...asked, baseline: null, published: true });
    expect(comparison.models.map(({ role }) => role)).toEqual(['original', 'pruned', 'pruned']);
    const reports = await Promise.all(runIds.map((runId) => call(page, 'run:get', { runId })));
    const perplexities = comparison.rows.filter(({ kind }) => kind === 'perplexity');
    expect(perplexities.map(({ cells }) => cells.map(({ value }) => value))).toEqual([
      [
        reports[0].run.report?.before.perplexity,
        reports[0].run.report?.after.perplexity,
        reports[1].run.report?.after.perplexity,
      ],
    ]);
    expect(await row('Perplexity').innerText()).toMatch(/▼ \+\d/);
    expect(await row('Parameters').getByRole('cell').nth(1).innerText()).toMatch(/2\.30 M[^]*▲ −20\.0 %/);
    // Marked only once the numbers against it are there.
    await numbers.getByRole('radio', { name: 'Baseline: the better one (pruned)' }).click();
    await expect.poll(() => row('Parameters').getByRole('cell').first().innerText()).toMatch(/▼ \+25\.0 %/);
    const recipes = await region(page, 'Recipes, where they differ').locator('tbody tr').allInnerTexts();
    expect(recipes).toHaveLength(1);
    expect(recipes[0].split(/\s+/).filter(Boolean).sort()).toEqual([
      'magnitude-l2',
      'prune.criterion',
      'random',
    ]);
    for (const chart of ['Quality against size', 'Attention heads per layer', 'MLP width per layer'])
      await region(page, chart).locator('svg').first().waitFor();
    await expect.poll(() => region(page, 'Model maps').getByRole('application').count()).toBe(2);
    await page.reload();
    await expect.poll(() => row('Parameters').getByRole('cell').first().innerText()).toMatch(/▼ \+25\.0 %/);
  });

  it('are exported as a page, Markdown, CSV and a picture', async () => {
    const studio = shared();
    const { page } = studio;
    const exported = async (button: string, name: string): Promise<Buffer> => {
      const file = path.join(folder, name);
      await savesAs(studio, file);
      await page.getByRole('button', { name: button, exact: true }).click();
      await page.getByText(`Saved: ${file}`).waitFor();
      return readFile(file);
    };
    const html = (await exported('Save as HTML', 'comparison.html')).toString();
    expect(html).toContain('the better one');
    expect(html).not.toMatch(/<(script|img|link)|https?:/);
    expect(html.match(/<figure>/g)).toHaveLength(3);
    const markdown = (await exported('Markdown', 'comparison.md')).toString();
    expect(markdown).toMatch(/^\| Perplexity \(short-20000\.txt, \d+ chunks of 128 tokens\) \|/m);
    const csv = (await exported('CSV', 'comparison.csv')).toString();
    expect(csv.trimEnd().split('\r\n')).toHaveLength(1 + 5 * 3);
    const { run } = await call(page, 'run:get', { runId: runIds[1] });
    expect(csv).toContain(`,${run.report?.after.perplexity},`);
    const png = await exported('PNG', 'comparison.png');
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect([png.readUInt32BE(16) >= 1000, png.readUInt32BE(20) >= 600]).toEqual([true, true]);
  });

  it('answer one prompt next to each other, and can be stopped', async () => {
    const { page } = shared();
    await page.getByText('Generation', { exact: true }).click();
    await page.getByRole('textbox', { name: 'Prompt' }).fill('The climate of the country is');
    await type(page.getByRole('spinbutton', { name: 'New tokens' }), '16');
    await page.getByRole('button', { name: 'Generate', exact: true }).click();
    await expect.poll(() => page.getByText(/^Done: /).count()).toBe(3);
    const answers = await page.getByRole('group', { name: /^Answer of / }).allInnerTexts();
    expect(answers.filter((text) => text.trim().length > 10)).toHaveLength(3);
    expect(new Set(answers).size).toBeGreaterThan(1);
    expect(await page.getByText(/^[\d.,]+ tokens\/s$/).count()).toBe(3);
    await type(page.getByRole('spinbutton', { name: 'New tokens' }), '4000');
    await page.getByRole('button', { name: 'Generate', exact: true }).click();
    await page
      .getByText(/^Writing/)
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'Stop all' }).click();
    await page.getByRole('button', { name: 'Generate', exact: true }).waitFor();
    expect(await page.getByText('Stopped', { exact: true }).count()).toBeGreaterThan(0);
  });
});

describe('a deleted run', () => {
  it('comes back by one press, even after the studio was killed, and is gone once it was left in order', async () => {
    const studio = await startStudio();
    const { page } = studio;
    const runId = await demoRun(studio, 'random');
    const { folder: runFolder } = await call(page, 'run:get', { runId });
    await page.keyboard.press('Control+2');
    await page.getByRole('button', { name: /^Delete: / }).click();
    await page.getByText('No runs yet.').waitFor();
    expect(existsSync(runFolder)).toBe(false);
    await endStudio(studio);

    const next = await startStudio({ userData: studio.userData });
    // A key that comes before the page listens is lost; a click waits.
    const rail = next.page.getByRole('navigation', { name: 'Studio' });
    await rail.getByRole('button', { name: 'Runs' }).click();
    await next.page.getByRole('button', { name: /^Undo: / }).click();
    await rows(next.page).first().waitFor();
    expect((await call(next.page, 'run:get', { runId })).run.state).toBe('finished');
    await next.page.getByRole('button', { name: /^Delete: / }).click();
    await next.page.getByRole('button', { name: /^Undo: / }).waitFor();
    const gone = new Promise((resolve) => next.main.once('exit', resolve));
    await next.app.evaluate(({ app }) => {
      app.quit();
    });
    await gone;

    const last = await startStudio({ userData: studio.userData });
    expect(await call(last.page, 'run:deleted')).toEqual([]);
    expect(await call(last.page, 'run:list')).toEqual([]);
  });
});
