import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunReport } from '../../main/engine/run.ts';
import { command, documentOf } from '../fixtures/command-line.ts';
import { call, sharedStudio } from './harness.ts';
import { chooseDemo, demo, dialogAnswers, goOn, region, shortText, type } from './wizard-hand.ts';

const taskData = path.resolve('test/golden/tasks/data');
const names = ['piqa', 'arc_easy'];

let folder: string;
let text: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(await realpath(tmpdir()), 'studio-evaluation-'));
  text = await shortText(folder, 10_000);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a model evaluated as it is', () => {
  const shared = sharedStudio();

  it('is asked what was chosen, and ends in the numbers of the command line', async () => {
    const { app, page } = shared();
    await chooseDemo(page);
    await goOn(page, 'Model');
    await page.getByRole('button', { name: 'Next: Data' }).click();
    const evaluation = region(page, 'Evaluation text');
    await dialogAnswers(app, text);
    await evaluation.getByRole('button', { name: 'Choose file…' }).click();
    await evaluation.getByText(path.basename(text)).waitFor();
    const tasks = region(page, 'Zero-shot tasks');
    await tasks.getByText('On', { exact: true }).click();
    await page.getByText('Choose the folder with the data of the tasks, or switch them off.').waitFor();
    await dialogAnswers(app, taskData);
    await tasks.getByRole('button', { name: 'Choose data folder…' }).click();
    await tasks.getByText(path.basename(taskData), { exact: true }).waitFor();
    for (const box of await tasks.getByRole('group', { name: 'Tasks' }).getByRole('checkbox').all()) {
      const name = await box.evaluate((input) => input.closest('label')?.textContent ?? '');
      if (!names.includes(name)) await box.uncheck();
    }
    await type(tasks.getByRole('spinbutton', { name: 'Questions a task' }), '4');
    await page.getByRole('button', { name: 'Evaluate without pruning' }).click();
    await page
      .getByRole('button', { name: 'See results', exact: true, disabled: false })
      .click({ timeout: 100_000 });
    await page.getByRole('heading', { level: 1, name: 'demo, evaluated' }).waitFor();

    const numbers = region(page, 'Numbers');
    await numbers.getByRole('rowheader', { name: /PIQA acc \*/ }).waitFor();
    const [run] = await call(page, 'run:list');
    const { folder: runFolder } = await call(page, 'run:get', { runId: run.id });
    const report = JSON.parse(await readFile(path.join(runFolder, 'report.json'), 'utf8')) as RunReport;
    const file = path.join(folder, 'by-hand.yaml');
    await writeFile(
      file,
      JSON.stringify({
        model: path.join(demo, 'model'),
        prune: { mode: 'none' },
        evaluate: { text, tasks: { names, data: taskData, limit: 4 } },
      }),
    );
    const out = path.join(folder, 'by-hand');
    const said = documentOf(await command('run', file, '--out', out, '--json')) as RunReport;
    expect(said.before).toEqual(report.before);
    expect(Object.keys(report.before.tasks?.results ?? {}).sort()).toEqual([...names].sort());
  });
});
