import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunReport } from '../../preload/contract.ts';
import { command, documentOf } from '../fixtures/command-line.ts';
import { call, sharedStudio, type OpenStudio } from './harness.ts';
import {
  barRow,
  choose,
  chooseDemo,
  copied,
  demo,
  dialogAnswers,
  goOn,
  numberIn,
  region,
  seeResults,
  shortText,
  type,
} from './wizard-hand.ts';

let folder: string;
let text: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(await realpath(tmpdir()), 'studio-recovery-'));
  text = await shortText(folder, 20_000);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const trainingSteps = 60;

/** What the person sets in the window, as a recipe written by hand; the rest is the demo's. */
const recipe = () => ({
  model: path.join(demo, 'model'),
  prune: { criterion: 'magnitude-l2', ratio: 0.3 },
  calibration: { source: path.join(demo, 'calibration.jsonl'), samples: 256, seqLen: 128 },
  evaluate: { text, seqLen: 128 },
  recover: {
    data: path.join(demo, 'recovery.txt'),
    cutoff: 64,
    steps: trainingSteps,
    batchSize: 4,
    learningRate: 0.003,
    warmupSteps: 20,
    schedule: 'cosine',
    validation: { rows: 32, everySteps: 20 },
    lora: { rank: 4 },
    control: true,
  },
});

async function setUp({ app, page }: OpenStudio): Promise<void> {
  await chooseDemo(page);
  await goOn(page, 'Model');
  await choose(page, 'Criterion', 'Magnitude L2');
  await goOn(page, 'Plan');
  await dialogAnswers(app, text);
  await region(page, 'Evaluation text').getByRole('button', { name: 'Choose file…' }).click();
  await goOn(page, 'Data');
  await region(page, 'Recovery training').getByText('On', { exact: true }).click();
  await page.getByText('Details', { exact: true }).click();
  const fields = {
    'Tokens a row': 64,
    'Rows a step': 4,
    Steps: trainingSteps,
    Rank: 4,
    'Validate every … steps': 20,
  };
  for (const [name, value] of Object.entries(fields)) {
    await type(page.getByRole('spinbutton', { name, exact: true }), String(value));
  }
}

const stepShown = async (page: Page): Promise<number> => {
  const fact = region(page, 'Recovery training').getByText(new RegExp(`^\\d+ of ${trainingSteps}$`));
  return (await fact.count()) === 0 ? 0 : Number((await fact.innerText()).split(' ')[0]);
};

/** Steps that the curve has, by its table of numbers. */
async function stepsDrawn({ app, page }: OpenStudio): Promise<number[]> {
  const csv = await copied(app, region(page, 'Loss').getByRole('button', { name: 'Copy as CSV' }));
  const [, ...rows] = csv.trim().split('\n');
  return rows.map((row) => row.split(',')).flatMap(([step, loss]) => (loss === '' ? [] : [Number(step)]));
}

describe('a recovery of the demo', () => {
  const shared = sharedStudio();
  let report: RunReport;

  it('says beforehand what it would train on, and how long that takes', async () => {
    const { page } = shared();
    await setUp(shared());
    await region(page, 'Rows as they are trained').getByText('32 of them for validation').waitFor();
    const time = region(page, 'Time it takes');
    await time
      .getByText(/^About \d+ (seconds?|minutes?), and \d+ (seconds?|minutes?) for the control$/)
      .waitFor({ timeout: 60_000 });
    expect(await time.getByText('Predicted:').count()).toBe(1);
  });

  it('draws its curve as it goes, and again after a reload', async () => {
    const { page } = shared();
    await goOn(page, 'Recovery');
    await expect.poll(() => stepShown(page)).toBeGreaterThan(8);
    const before = await stepsDrawn(shared());
    await page.reload();
    await region(page, 'Loss').getByRole('img').waitFor();
    const after = await stepsDrawn(shared());
    expect(after.length).toBeGreaterThanOrEqual(before.length);
    expect(after).toEqual(after.map((_, i) => i + 1));
    expect(await region(page, 'Loss').getByRole('img').getAttribute('aria-label')).toMatch(
      /^Loss training: from/,
    );
  });

  it('ends in the numbers of the command line for the same recipe', async () => {
    const { page } = shared();
    await seeResults(page);
    const [run] = await call(page, 'run:list');
    const { folder: runFolder } = await call(page, 'run:get', { runId: run.id });
    report = JSON.parse(await readFile(path.join(runFolder, 'report.json'), 'utf8')) as RunReport;
    const file = path.join(folder, 'by-hand.yaml');
    await writeFile(file, JSON.stringify(recipe()));
    const out = path.join(folder, 'by-hand');
    const said = documentOf(await command('run', file, '--out', out, '--json')) as RunReport;
    // How fast and how large the training's process was is no part of the result.
    expect(said).toMatchObject({ ...report, performance: expect.anything() as unknown });
    expect(report.recovery?.recovered.steps).toBe(trainingSteps);
  });

  it('shows original, pruned, recovered and control, and how much came back', async () => {
    const { page } = shared();
    const shown = async (name: RegExp): Promise<number> => numberIn((await barRow(page, name)).Perplexity);
    const of = (value: number | null | undefined): number => Number(value?.toPrecision(5));
    const { before, after, recovery } = report;
    expect(await shown(/^Before/)).toBe(of(before.perplexity));
    expect(await shown(/^After$/)).toBe(of(after.perplexity));
    expect(await shown(/^Recovered$/)).toBe(of(recovery?.recovered.perplexity));
    expect(await shown(/^Control$/)).toBe(of(recovery?.control?.perplexity));
    await page.getByText(/% of the lost log-perplexity came back\.$/).waitFor();
    expect(await stepsDrawn(shared())).toHaveLength(trainingSteps);
    await region(page, 'Recovery').getByText(`${trainingSteps} steps`).first().waitFor();
    expect(await region(page, 'Recipe').getByRole('code').last().innerText()).toMatch(/recovered$/);
  });
});

describe('a training that diverges', () => {
  const shared = sharedStudio();

  it('says so, and leads back to its settings', async () => {
    const { page } = shared();
    await setUp(shared());
    const fields = { 'Learning rate': 1, 'Warm-up steps': 0 };
    for (const [name, value] of Object.entries(fields)) {
      await type(page.getByRole('spinbutton', { name, exact: true }), String(value));
    }
    await goOn(page, 'Recovery');
    const alert = page.getByRole('alert');
    await alert.getByText('The training diverged', { exact: true }).waitFor({ timeout: 60_000 });
    expect(await alert.innerText()).toContain('Lower the learning rate to a third');
    await alert.getByRole('button', { name: 'Change the recovery' }).click();
    await page.getByText('Details', { exact: true }).click();
    const rate = page.getByRole('spinbutton', { name: 'Learning rate', exact: true });
    await expect.poll(async () => Number(await rate.inputValue())).toBe(1);
  });
});

describe('an adapter with a template of its own', () => {
  const ownTemplate = {
    description: 'Questions and answers',
    system: '',
    prompt: 'Q: {instruction}\n',
    promptWithInput: 'Q: {instruction} {input}\n',
    answer: 'A: {output}',
  };
  const shared = sharedStudio();

  it('is trained and kept as PEFT has it', async () => {
    const { app, page } = shared();
    const template = path.join(folder, 'my-template.json');
    await writeFile(template, JSON.stringify(ownTemplate));
    const incomplete = path.join(folder, 'incomplete.json');
    await writeFile(incomplete, JSON.stringify({ ...ownTemplate, system: undefined }));
    await setUp(shared());
    await region(page, 'How long').getByText('Adapter (PEFT)', { exact: true }).click();
    await region(page, 'How long').getByText('No', { exact: true }).click();
    await type(page.getByRole('spinbutton', { name: 'Steps', exact: true }), '2');
    await dialogAnswers(app, incomplete);
    await choose(page, 'Prompt template', 'Choose a template file…');
    await region(page, 'Rows as they are trained')
      .getByText(/is no prompt template: system/)
      .waitFor();
    await page.getByText('The training data or the prompt template cannot be used: see below.').waitFor();
    await dialogAnswers(app, template);
    await choose(page, 'Prompt template', 'Choose a template file…');
    await page.getByTitle('my-template.json').first().waitFor();
    await goOn(page, 'Recovery');
    await seeResults(page);
    const [run] = await call(page, 'run:list');
    const { folder: runFolder, recipe: written, texts } = await call(page, 'run:get', { runId: run.id });
    expect(written).toContain('my-template.json');
    expect(texts.template?.name).toBe('my-template.json');
    const config = await readFile(path.join(runFolder, 'recovered', 'adapter_config.json'), 'utf8');
    expect(JSON.parse(config)).toMatchObject({ peft_type: 'LORA', r: 4 });
  });
});
