import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { LayerShape, RunReport } from '../../preload/contract.ts';
import { command, documentOf } from '../fixtures/command-line.ts';
import { patienceMs, sharedStudio, type OpenStudio } from './harness.ts';
import {
  barRow,
  choose,
  chooseDemo,
  copied,
  demo,
  dialogAnswers,
  fact,
  goOn,
  numberIn,
  region,
  seeResults,
  shortText,
  showFullDigits,
  type,
  widthRows,
  type Row,
} from './wizard-hand.ts';

let folder: string;
let text: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(await realpath(tmpdir()), 'studio-wizard-'));
  text = await shortText(folder, 20_000);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What the person sets in the window, as a recipe written by hand. */
const recipe = () => ({
  model: path.join(demo, 'model'),
  prune: {
    criterion: 'taylor-vector',
    aggregation: 'max',
    ratio: 0.4,
    layers: { attention: [0, 8], mlp: [2, 7] },
    seed: 5,
  },
  calibration: { source: path.join(demo, 'calibration.jsonl'), samples: 6, seqLen: 32, seed: 7 },
  evaluate: { text, seqLen: 96 },
});

interface Read {
  readonly planned: {
    readonly before: Row;
    readonly after: Row;
    readonly widths: string[][];
    readonly ofAll: string;
  };
  readonly measured: {
    readonly before: Row;
    readonly after: Row;
    readonly change: Row;
    readonly widths: string[][];
  };
  readonly recipe: string;
  readonly copiedRecipe: string;
  readonly report: RunReport;
}

async function setPlan({ page }: OpenStudio): Promise<void> {
  await type(page.getByRole('spinbutton', { name: 'Pruning ratio' }), '40');
  await page.getByRole('button', { name: 'All layers', exact: true }).click();
  await page.getByRole('slider', { name: 'MLP layers, first' }).press('ArrowRight');
  await page.getByRole('slider', { name: 'MLP layers, first' }).press('ArrowRight');
  await page.getByRole('slider', { name: 'MLP layers, last' }).press('ArrowLeft');
  await choose(page, 'Criterion', 'Taylor, by vector');
  await choose(page, 'Aggregation', 'Maximum');
  await page.getByText('Advanced', { exact: true }).click();
  await type(page.getByRole('spinbutton', { name: 'Seed' }), '5');
}

/** @param parameters What the prediction, which follows the fields a moment later, must come to. */
async function readPlan({ page }: OpenStudio, parameters: number): Promise<Read['planned']> {
  await showFullDigits(page);
  await page.getByText('Table', { exact: true }).click();
  const predicted = (): Promise<Row> => barRow(page, /^After, predicted/);
  await vi.waitFor(async () => expect(numberIn((await predicted()).Parameters)).toBe(parameters), patienceMs);
  return {
    before: await barRow(page, /^Before/),
    after: await predicted(),
    widths: await widthRows(region(page, 'What goes')),
    ofAll: await fact(region(page, 'How much'), 'Of all parameters'),
  };
}

async function setData({ app, page }: OpenStudio): Promise<void> {
  const calibration = region(page, 'Calibration data');
  await type(calibration.getByRole('spinbutton', { name: 'Samples' }), '6');
  await type(calibration.getByRole('spinbutton', { name: 'Sequence length' }), '32');
  await type(calibration.getByRole('spinbutton', { name: 'Seed' }), '7');
  const evaluation = region(page, 'Evaluation text');
  await dialogAnswers(app, recipe().evaluate.text);
  await evaluation.getByRole('button', { name: 'Choose file…' }).click();
  await evaluation.getByText(path.basename(text)).waitFor();
  await type(evaluation.getByRole('spinbutton', { name: 'Sequence length' }), '96');
}

async function readResults({ app, page }: OpenStudio): Promise<Omit<Read, 'planned'>> {
  const panel = region(page, 'Recipe');
  // Comes with the run's plan and scores, a moment after its report.
  const runFolder = await panel.getByRole('code').first().innerText();
  return {
    measured: {
      before: await barRow(page, /^Before/),
      after: await barRow(page, /^After$/),
      change: await barRow(page, /^Change/),
      widths: await widthRows(region(page, 'Widths of each layer')),
    },
    recipe: await panel.getByRole('group').innerText(),
    copiedRecipe: await copied(app, panel.getByRole('button', { name: 'Copy' })),
    report: JSON.parse(await readFile(path.join(runFolder, 'report.json'), 'utf8')) as RunReport,
  };
}

interface Made {
  readonly report: RunReport;
  readonly layers: readonly LayerShape[];
}

/** What the command line makes of a recipe, and the shapes of the model it writes. */
async function commandLineRun(name: string, text: string): Promise<Made> {
  const file = await recipeFile(name, text);
  const out = path.join(folder, name);
  const said = documentOf(await command('run', file, '--out', out, '--json')) as RunReport & {
    readonly modelDir: string;
  };
  expect(said).toMatchObject(JSON.parse(await readFile(path.join(out, 'report.json'), 'utf8')) as object);
  return { report: said, layers: await shapesOf(said.modelDir) };
}

async function recipeFile(name: string, text: string): Promise<string> {
  const file = path.join(folder, `${name}.yaml`);
  await writeFile(file, text);
  return file;
}

async function shapesOf(model: string): Promise<readonly LayerShape[]> {
  return (documentOf(await command('inspect', model, '--json')) as { layerShapes: LayerShape[] }).layerShapes;
}

const costs = ({ parameters, macs, weightBytes, memoryBytes }: RunReport['before']): number[] => [
  parameters,
  macs,
  weightBytes,
  memoryBytes,
];

const costsIn = ({ Parameters, MACs, Weights, Memory }: Row): number[] =>
  [Parameters, MACs, Weights, Memory].map(numberIn);

/** As a table of the window has them. */
const rowsOf = (before: readonly LayerShape[], after: readonly LayerShape[]): number[][] =>
  before.map((shape, i) => [i, shape.heads, after[i].heads, shape.mlpWidth, after[i].mlpWidth]);

const widthsIn = (rows: readonly string[][]): number[][] =>
  rows.map(([layer, heads, headsAfter, , mlp, mlpAfter]) =>
    [layer, heads, headsAfter, mlp, mlpAfter].map(numberIn),
  );

describe('the wizard, from Model to Results', () => {
  const shared = sharedStudio();
  let read: Read;
  let expected: Made;

  beforeAll(async () => {
    const studio = shared();
    const { page } = studio;
    const written = await recipeFile('plan', JSON.stringify(recipe()));
    const plan = documentOf(await command('plan', written, '--json')) as Pick<RunReport, 'after'>;
    await chooseDemo(page);
    await goOn(page, 'Model');
    await setPlan(studio);
    const planned = await readPlan(studio, plan.after.parameters);
    await goOn(page, 'Plan');
    await setData(studio);
    await goOn(page, 'Data');
    await goOn(page, 'Recovery');
    await seeResults(page);
    read = { planned, ...(await readResults(studio)) };
  });

  it('ends in the report of the command line for the same recipe', async () => {
    expected = await commandLineRun('by-hand', JSON.stringify(recipe()));
    expect(expected.report).toMatchObject(read.report);
    expect(read.report).toMatchObject({ ratioInWindow: 0.4, windows: recipe().prune.layers });
  });

  it('shows a recipe that the command line runs to the same report and model', async () => {
    expect(read.copiedRecipe.trimEnd()).toBe(read.recipe.trimEnd());
    const { report, layers } = await commandLineRun('copied', read.copiedRecipe);
    expect(report).toMatchObject(read.report);
    expect(layers).toEqual(expected.layers);
  });

  it('shows the costs and the perplexity of the report, to the last digit', () => {
    const { before, after, change } = read.measured;
    const { report } = expected;
    expect(costsIn(before)).toEqual(costs(report.before));
    expect(costsIn(after)).toEqual(costs(report.after));
    expect(before.Perplexity).toBe(report.before.perplexity?.toPrecision(5));
    expect(after.Perplexity).toBe(report.after.perplexity?.toPrecision(5));
    const changes = [...costs(report.after), report.after.perplexity ?? NaN].map(
      (value, i) => 100 * (value / [...costs(report.before), report.before.perplexity ?? NaN][i] - 1),
    );
    expect(Object.values(change).map(numberIn)).toEqual(changes.map((percent) => Number(percent.toFixed(1))));
  });

  it('shows the widths of the model that was written', async () => {
    const shapes = rowsOf(await shapesOf(recipe().model), expected.layers);
    expect(widthsIn(read.measured.widths)).toEqual(shapes);
    expect(shapes.some(([, before, after]) => after < before)).toBe(true);
  });

  it('predicts in the plan what the report then says', async () => {
    const { before, after, widths, ofAll } = read.planned;
    const { report } = expected;
    expect(costsIn(before)).toEqual(costs(report.before));
    expect(costsIn(after)).toEqual(costs(report.after));
    expect(Object.values(after).slice(0, 4)).toEqual(Array(4).fill(expect.stringMatching(/^~/)));
    expect(widthsIn(widths)).toEqual(widthsIn(read.measured.widths));
    expect(numberIn(ofAll)).toBe(Number((100 * report.removedOfParameters).toFixed(1)));
  });

  it('shows how it was made', async () => {
    const how = region(shared().page, 'How it was made');
    const { report } = expected;
    const shown = async (...names: string[]): Promise<string[]> =>
      Promise.all(names.map((name) => fact(how, name)));
    expect(await shown('Criterion', 'Aggregation', 'Attention layers', 'MLP layers')).toEqual([
      'Taylor, by vector',
      'Maximum',
      '0–7 (8)',
      '2–6 (5)',
    ]);
    expect(await shown('Inside the windows', 'Of all parameters', 'Calibration loss')).toEqual([
      '40.0 %',
      `${(100 * report.removedOfParameters).toFixed(1)} %`,
      report.calibration?.loss.toFixed(4),
    ]);
    const { calibration, evaluation } = report;
    expect(await shown('Calibration data', 'Evaluation text')).toEqual([
      `${calibration?.rows} rows, ${calibration?.tokens} tokens`,
      `${evaluation?.chunks} chunks of ${evaluation?.seqLen} tokens`,
    ]);
  });

  it('draws the charts from the same numbers', async () => {
    const { app, page } = shared();
    const { report } = expected;
    const numbersOf = async (chart: string): Promise<number[][]> => {
      const csv = await copied(app, region(page, chart).getByRole('button', { name: 'Copy as CSV' }));
      const [, ...rows] = csv
        .trim()
        .split('\n')
        .map((row) => row.split(','));
      return rows.map((row) => row.map(Number));
    };
    const widths = rowsOf(await shapesOf(recipe().model), expected.layers);
    expect(await numbersOf('Attention heads per layer')).toEqual(
      widths.map(([i, from, to]) => [i, from, to]),
    );
    expect(await numbersOf('MLP width per layer')).toEqual(widths.map(([i, , , from, to]) => [i, from, to]));
    const differences = (await numbersOf('Change in percent')).map(([, from, to]) => [from, to]);
    const of = (measured: RunReport['before']): number[] => [...costs(measured), measured.perplexity ?? NaN];
    expect(differences).toEqual(of(report.before).map((value, i) => [value, of(report.after)[i]]));
  });
});
