import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { keptLayers, type PrunePlan } from '../../main/engine/prune/plan.ts';
import { goldenFamily, goldenFamilyScores } from '../fixtures/golden-files.ts';
import { writeRows } from '../fixtures/random-model.ts';
import { patienceMs, sharedStudio, type OpenStudio } from './harness.ts';
import { dialogAnswers, fact, goOn, numberIn, region, seeResults, type, widthRows } from './wizard-hand.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(await realpath(tmpdir()), 'studio-families-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function chooseModel({ app, page }: OpenStudio, name: string): Promise<void> {
  await dialogAnswers(app, goldenFamily(name).folder);
  await region(page, 'A folder').getByRole('button', { name: 'Choose folder…' }).click();
  await region(page, name).waitFor();
}

async function chooseRows({ app, page }: OpenStudio, name: string): Promise<void> {
  const rows = await writeRows(path.join(folder, `${name}.jsonl`), goldenFamily(name).inputIds);
  await dialogAnswers(app, rows);
  const calibration = region(page, 'Calibration data');
  await calibration.getByRole('button', { name: 'Choose file…' }).click();
  await calibration.getByText(`${name}.jsonl`).waitFor();
}

async function plan({ page }: OpenStudio): Promise<void> {
  await type(page.getByRole('spinbutton', { name: 'Pruning ratio' }), '50');
  await page.getByRole('button', { name: 'All layers', exact: true }).click();
}

async function planOfRun({ page }: OpenStudio): Promise<PrunePlan> {
  const run = await region(page, 'Recipe').getByRole('code').first().innerText();
  return JSON.parse(await readFile(path.join(run, 'plan.json'), 'utf8')) as PrunePlan;
}

describe('the wizard with models of other families', () => {
  const shared = sharedStudio();

  it('lists the families before a model is chosen', async () => {
    const { page } = shared();
    await page.getByRole('button', { name: 'New run' }).first().click();
    const listed = await region(page, 'What can be opened').getByRole('term').allInnerTexts();
    expect(listed).toEqual(expect.arrayContaining(['LLaMA', 'BLOOM', 'ChatGLM-6B', 'ChatGLM2, ChatGLM3']));
  });

  it('prunes a ChatGLM by vector, which its heads are then lost by', async () => {
    const studio = shared();
    const { page } = studio;
    await chooseModel(studio, 'chatglm');
    const card = region(page, 'chatglm');
    expect(await fact(card, 'Family')).toBe('ChatGLM-6B');
    await card.getByText('Element-wise criteria fail on ChatGLM-6B').waitFor();
    await goOn(page, 'Model');
    await plan(studio);
    await page.getByText('Advanced', { exact: true }).click();
    expect(await page.getByRole('radiogroup', { name: 'Unit of attention' }).count()).toBe(0);
    await goOn(page, 'Plan');
    await region(page, 'Calibration data').getByText('ChatGLM-6B is judged by replies').waitFor();
    await region(page, 'Zero-shot tasks').getByText('Tasks cannot be asked of this model').waitFor();
    await chooseRows(studio, 'chatglm');
    await goOn(page, 'Data');
    await goOn(page, 'Recovery');
    await seeResults(page);
    expect(await fact(region(page, 'How it was made'), 'Criterion')).toBe('Taylor, by vector');
    const golden = goldenFamilyScores('chatglm').scores.vector.sum;
    const found = keptLayers(await planOfRun(studio));
    expect(found.map(({ attention }) => attention.keptHeads)).toEqual(
      golden.map(({ keptHeads }) => keptHeads),
    );
    expect(found.map(({ mlp }) => mlp.keptChannels)).toEqual(golden.map(({ keptChannels }) => keptChannels));
    const widths = await widthRows(region(page, 'Widths of each layer'));
    expect(widths.map((row) => [numberIn(row[1]), numberIn(row[2])])).toEqual(golden.map(() => [4, 2]));
  });

  it('takes query heads out of both KV groups of a ChatGLM2', async () => {
    const studio = shared();
    const { page } = studio;
    await page.getByRole('button', { name: 'New run', exact: true }).first().click();
    await chooseModel(studio, 'chatglm2');
    await region(page, 'chatglm2').getByText('A layer has 2 KV groups').waitFor();
    await goOn(page, 'Model');
    await plan(studio);
    await type(page.getByRole('spinbutton', { name: 'Pruning ratio' }), '25');
    await page.getByText('Attention stays whole: ').waitFor();
    await page.getByRole('button', { name: 'Take query heads' }).click();
    await page.getByText('Advanced', { exact: true }).click();
    const unit = page.getByRole('radiogroup', { name: 'Unit of attention' });
    await expect.poll(() => unit.getByRole('radio', { name: 'Query head' }).isChecked()).toBe(true);
    await page.getByText('Table', { exact: true }).click();
    const predicted = async (): Promise<number[]> =>
      (await widthRows(region(page, 'What goes'))).map((row) => numberIn(row[2]));
    await vi.waitFor(async () => expect(await predicted()).toEqual([6, 6, 6]), patienceMs);
    await goOn(page, 'Plan');
    await chooseRows(studio, 'chatglm2');
    await goOn(page, 'Data');
    await goOn(page, 'Recovery');
    await seeResults(page);
    for (const { attention } of keptLayers(await planOfRun(studio))) {
      expect(attention.keptKvHeads).toEqual([0, 1]);
      expect(attention.keptHeads.filter((head) => head < 4)).toHaveLength(3);
      expect(attention.keptHeads).toHaveLength(6);
    }
  });
});
