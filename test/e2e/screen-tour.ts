import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { call, type OpenStudio } from './harness.ts';
import {
  choose,
  dialogAnswers,
  goOn,
  region,
  runWorker,
  seeResults,
  shortText,
  type,
} from './wizard-hand.ts';

/** A studio on its way through its screens, in English. */
interface Visit extends OpenStudio {
  /** For what is picked on the way. */
  readonly folder: string;
}

interface Stop {
  readonly name: string;
  /** Brings the screen up, from the stop before. */
  readonly go: (visit: Visit) => Promise<void>;
  /** Whether a list or a question lies over the screen: Escape closes it, Enter opens it. */
  readonly floats?: true;
  /** What must still be there after a look at the screen: a run that was to be at work, for example. */
  readonly stays?: (page: Page) => Promise<void>;
}

const title = (page: Page, name: string): Promise<void> =>
  page.getByRole('heading', { level: 1, name, exact: true }).waitFor();

async function goTo(
  page: Page,
  place: 'Home' | 'New run' | 'Runs' | 'Compare' | 'Explorer' | 'Settings',
): Promise<void> {
  await page.getByRole('navigation', { name: 'Studio' }).getByRole('button', { name: place }).click();
}

async function pickText(
  { app, page, folder }: Visit,
  panel: 'Calibration data' | 'Evaluation text',
  characters: number,
): Promise<void> {
  await dialogAnswers(app, await shortText(folder, characters));
  await region(page, panel).getByRole('button', { name: 'Choose file…' }).click();
}

async function chooseSide(page: Page, name: 'Row' | 'Column'): Promise<void> {
  const sides = page.getByRole('radiogroup', { name: 'Rows or columns' });
  await sides.getByText(name, { exact: true }).click();
}

/** Opens the layer under the keyboard on the screen's map. */
async function openLayer(page: Page): Promise<void> {
  await page.getByRole('application', { name: 'Model map' }).press('ArrowRight');
  await page.keyboard.press('Enter');
  await page.getByRole('complementary').waitFor();
}

async function switchRecovery(page: Page, to: 'On' | 'Off'): Promise<void> {
  await region(page, 'Recovery training').getByText(to, { exact: true }).click();
}

/** A run of the demo that prunes at once and then trains. */
async function startRecovery(page: Page, steps: string): Promise<void> {
  await goTo(page, 'New run');
  await page.getByRole('button', { name: 'Use the demo model' }).click();
  await goOn(page, 'Model');
  await choose(page, 'Criterion', 'Magnitude L2');
  await goOn(page, 'Plan');
  await region(page, 'Evaluation text')
    .getByRole('button', { name: /^Remove / })
    .click();
  await goOn(page, 'Data');
  await switchRecovery(page, 'On');
  await page.getByText('Details', { exact: true }).click();
  await type(page.getByRole('spinbutton', { name: 'Steps', exact: true }), steps);
  await goOn(page, 'Recovery');
}

/** Ends the newest run, if it is at work, and deletes it. */
async function endNewest(page: Page): Promise<void> {
  const newest = async (): Promise<{ id: string; state: string }> => (await call(page, 'run:list'))[0];
  const { id: runId, state } = await newest();
  if (state === 'running') await call(page, 'run:kill', { runId });
  await expect.poll(async () => (await newest()).state).not.toBe('running');
  await call(page, 'run:delete', { runId });
}

/** Waits until the question is there and has taken the focus. */
async function isAsked(page: Page, question: string): Promise<void> {
  await page.getByText(question).waitFor();
  await page.waitForFunction(() => Boolean(document.activeElement?.closest('[role=tooltip]')));
}

const isRunning = (page: Page): Promise<void> => title(page, 'Pruning demo');

const stops: readonly Stop[] = [
  {
    name: 'home, without runs',
    go: ({ page }) => page.getByText('Nothing has been pruned yet').waitFor(),
  },
  {
    name: 'runs, without runs',
    go: async ({ page }) => {
      await goTo(page, 'Runs');
      await page.getByText('No runs yet.').waitFor();
    },
  },
  {
    name: 'compare, without runs',
    go: async ({ page }) => {
      await goTo(page, 'Compare');
      await page.getByText('No run has finished yet.').waitFor();
    },
  },
  {
    name: 'dependencies, without a model',
    go: async ({ page }) => {
      await goTo(page, 'Explorer');
      await page.getByRole('button', { name: 'Choose a model', exact: true }).waitFor();
    },
  },
  {
    name: 'settings',
    go: async ({ page }) => {
      await goTo(page, 'Settings');
      await region(page, 'Keyboard').waitFor();
    },
  },
  {
    name: 'model, not chosen',
    go: async ({ page }) => {
      await goTo(page, 'New run');
      await page.getByText('Drop a model folder here').waitFor();
    },
  },
  {
    name: 'model, refused',
    go: async ({ app, page, folder }) => {
      const empty = path.join(folder, 'no-model');
      await mkdir(empty);
      await dialogAnswers(app, empty);
      await page.getByRole('button', { name: 'Choose folder…' }).click();
      await page.getByRole('alert').waitFor();
    },
  },
  {
    name: 'model, chosen',
    go: async ({ page }) => {
      await page.getByRole('button', { name: 'Use the demo model' }).click();
      await region(page, 'demo').waitFor();
    },
  },
  { name: 'model, with a layer open', go: ({ page }) => openLayer(page) },
  {
    name: 'dependencies of a head',
    go: async ({ page }) => {
      await page.getByRole('complementary').getByRole('link', { name: 'See dependencies' }).click();
      await page.getByRole('button', { name: 'attention, index 0, step 3' }).click();
    },
  },
  {
    name: 'dependencies of a hidden index, with the layers before it open to choice',
    go: async ({ page }) => {
      await chooseSide(page, 'Column');
      await page.getByRole('button', { name: /^Layers \d–7, / }).click();
      await page.getByRole('combobox', { name: 'Open a layer' }).waitFor();
    },
  },
  {
    name: 'dependencies of a token, which are none',
    go: async ({ page }) => {
      await choose(page, 'Where', 'Before the layers');
      await chooseSide(page, 'Row');
      await page.getByText('nothing can go').waitFor();
    },
  },
  {
    name: 'plan, as a map',
    go: async ({ page }) => {
      await goOn(page, 'Model');
      await page.getByText('Advanced', { exact: true }).click();
    },
  },
  {
    name: 'plan, edited by hand',
    go: async ({ page }) => {
      await openLayer(page);
      const layer = page.getByRole('complementary');
      await layer.getByRole('radiogroup', { name: 'MLP' }).getByText('Own ratio').click();
      await layer.getByRole('spinbutton').waitFor();
      await layer.getByRole('radiogroup', { name: 'Attention' }).getByText('Leave whole').click();
      await layer.getByRole('button', { name: 'Pin: Head 1', exact: true }).click();
      await region(page, 'Changes by hand').getByRole('listitem').nth(2).waitFor();
    },
  },
  {
    name: 'plan, to a target size',
    go: async ({ page }) => {
      await region(page, 'Changes by hand').getByRole('button', { name: 'Reset' }).click();
      await region(page, 'How much').getByText('Target size', { exact: true }).click();
      await page.getByRole('spinbutton', { name: 'What is to stay' }).waitFor();
    },
  },
  {
    name: 'plan, out of reach',
    go: async ({ page }) => {
      await type(page.getByRole('spinbutton', { name: 'What is to stay' }), '1000');
      await page.getByRole('alert').waitFor();
    },
  },
  {
    name: 'plan, by hidden size',
    go: async ({ page }) => {
      await region(page, 'How much').getByText('Ratio', { exact: true }).click();
      await region(page, 'What is removed').getByText('Channels', { exact: true }).click();
      await region(page, 'Where').waitFor({ state: 'detached' });
    },
  },
  {
    name: 'plan, by whole layers',
    go: async ({ page }) => {
      await region(page, 'What is removed').getByText('Layers', { exact: true }).click();
      await page.getByRole('radiogroup', { name: 'Which layers' }).waitFor();
    },
  },
  {
    name: 'plan, as a table',
    go: async ({ page }) => {
      await region(page, 'What is removed').getByText('Blocks', { exact: true }).click();
      await page.getByText('Table', { exact: true }).click();
      await region(page, 'What goes').getByRole('table').waitFor();
    },
  },
  {
    name: 'plan, choosing a criterion',
    go: async ({ page }) => {
      await page.getByRole('combobox', { name: 'Criterion' }).click();
      await page.getByRole('option', { name: 'Random' }).waitFor();
    },
    floats: true,
    stays: (page) => page.getByRole('option', { name: 'Random' }).waitFor(),
  },
  {
    name: 'data, without texts',
    go: async ({ page }) => {
      await page.keyboard.press('Escape');
      await goOn(page, 'Plan');
      await region(page, 'Calibration data')
        .getByRole('button', { name: /^Remove / })
        .click();
      await region(page, 'Evaluation text')
        .getByRole('button', { name: /^Remove / })
        .click();
    },
  },
  {
    name: 'data, with a text too short',
    go: async (visit) => {
      await pickText(visit, 'Calibration data', 20);
      await visit.page.getByRole('alert').waitFor();
    },
  },
  {
    name: 'data, with texts',
    go: async (visit) => {
      const { page } = visit;
      await pickText(visit, 'Evaluation text', 20_000);
      const calibration = region(page, 'Calibration data');
      await calibration.getByRole('button', { name: 'Demo text' }).click();
      await region(page, 'Calibration samples').getByText('The run reads').waitFor();
      await page.getByText(/^[\d,]+ tokens, [\d,]+ chunks$/).waitFor();
    },
  },
  {
    name: 'data, with tasks and speed',
    go: async (visit) => {
      const { app, page } = visit;
      const tasks = region(page, 'Zero-shot tasks');
      await tasks.getByText('On', { exact: true }).click();
      await dialogAnswers(app, visit.folder);
      await tasks.getByRole('button', { name: 'Choose data folder…' }).click();
      await tasks.getByRole('group', { name: 'Tasks' }).waitFor();
      await region(page, 'Speed and memory').getByText('On', { exact: true }).click();
      await page.getByRole('spinbutton', { name: 'Rounds' }).waitFor();
    },
  },
  {
    name: 'recovery, off',
    go: async ({ page }) => {
      for (const name of ['Zero-shot tasks', 'Speed and memory']) {
        await region(page, name).getByText('Off', { exact: true }).click();
      }
      await goOn(page, 'Data');
      await title(page, 'Recovery');
    },
  },
  {
    name: 'recovery, with a row that cannot be read',
    go: async ({ app, page, folder }) => {
      await switchRecovery(page, 'On');
      const file = path.join(folder, 'broken.jsonl');
      await writeFile(file, '{"instruction": "a", "output": 1}\n');
      await dialogAnswers(app, file);
      await region(page, 'Training data').getByRole('button', { name: 'Choose file…' }).click();
      await page.getByRole('alert').first().waitFor();
    },
  },
  {
    name: 'recovery, with data and details',
    go: async ({ page }) => {
      await region(page, 'Training data').getByRole('button', { name: 'Demo text' }).click();
      await page.getByText('Details', { exact: true }).click();
      await region(page, 'Rows as they are trained').getByText('for validation').waitFor();
      await page.getByText(/^About /).waitFor();
    },
  },
  {
    name: 'run, at work',
    go: async ({ page }) => {
      await switchRecovery(page, 'Off');
      await page.keyboard.press('Alt+3');
      const calibration = region(page, 'Calibration data');
      // Enough for a look at it from all sides.
      await type(calibration.getByRole('spinbutton', { name: 'Samples' }), '4000');
      await goOn(page, 'Data');
      await goOn(page, 'Recovery');
      await isRunning(page);
      await openLayer(page);
    },
    stays: isRunning,
  },
  {
    name: 'run, failed',
    go: async (visit) => {
      process.kill(await runWorker(visit), 'SIGKILL');
      await visit.page.getByRole('alert').waitFor();
    },
  },
  {
    name: 'run, about to be stopped',
    go: async (visit) => {
      const { page } = visit;
      await page.getByRole('button', { name: 'Resume' }).click();
      await isRunning(page);
      // A worker that does not answer: it could be gone before the question is read.
      process.kill(await runWorker(visit), 'SIGSTOP');
      await page.getByRole('button', { name: 'Cancel run' }).click();
      await page.getByRole('button', { name: 'Stop now' }).click();
      await isAsked(page, 'Stop without waiting?');
    },
    floats: true,
  },
  {
    name: 'runs, one being named',
    go: async ({ page }) => {
      await page.getByRole('tooltip').getByRole('button', { name: 'Stop now' }).click();
      await page.getByRole('main').getByText('Cancelled', { exact: true }).waitFor();
      await goTo(page, 'Runs');
      await page.getByRole('button', { name: /^Edit: / }).click();
      await page.getByRole('textbox', { name: 'Tags' }).fill('first, 第二');
    },
    stays: (page) => page.getByRole('textbox', { name: 'Tags' }).waitFor(),
  },
  {
    name: 'runs, one deleted',
    go: async ({ page }) => {
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('第二').waitFor();
      await page.getByRole('button', { name: /^Delete: / }).click();
      await page.getByRole('button', { name: /^Undo: / }).waitFor();
    },
    stays: (page) => page.getByRole('button', { name: /^Undo: / }).waitFor(),
  },
  {
    name: 'run, training',
    go: async ({ page }) => {
      await page.getByRole('button', { name: /^Undo: / }).click();
      await page.getByRole('button', { name: /^Delete: / }).waitFor();
      await startRecovery(page, '3000');
      await title(page, 'Recovering demo');
      // All its charts are there once a few steps are: nothing comes or goes while it is looked at.
      await page.getByText(/^([3-9]|\d\d+) of 3,?000$/).waitFor();
      for (const chart of ['Loss', 'Learning rate', 'Gradient norm'])
        await region(page, chart).getByRole('img').waitFor();
    },
    stays: (page) => title(page, 'Recovering demo'),
  },
  {
    name: 'results of a recovery',
    go: async ({ page }) => {
      await endNewest(page);
      await startRecovery(page, '3');
      await seeResults(page);
      await region(page, 'Loss').getByRole('img').waitFor();
    },
  },
  {
    name: 'results',
    go: async (visit) => {
      const { page } = visit;
      await endNewest(page);
      await goTo(page, 'New run');
      await page.getByRole('button', { name: 'Use the demo model' }).click();
      await goOn(page, 'Model');
      await choose(page, 'Criterion', 'Magnitude L2');
      await goOn(page, 'Plan');
      await pickText(visit, 'Evaluation text', 20_000);
      await goOn(page, 'Data');
      await goOn(page, 'Recovery');
      await seeResults(page);
    },
  },
  { name: 'results, with a layer open', go: ({ page }) => openLayer(page) },
  {
    name: 'importance',
    go: async ({ page }) => {
      await page.getByRole('link', { name: 'Importance', exact: true }).click();
      await region(page, 'Scores of MLP channels').getByRole('img').waitFor();
      await region(page, 'Changes by hand').waitFor();
    },
  },
  {
    name: 'importance, with a layer open',
    go: async ({ page }) => {
      await openLayer(page);
      await page.getByText('All layers', { exact: true }).click();
      await page.getByText('Logarithmic', { exact: true }).click();
    },
  },
  {
    name: 'compare, numbers and charts',
    go: async ({ page }) => {
      await goTo(page, 'Runs');
      await page.getByRole('checkbox', { name: /magnitude-l2/, disabled: false }).check();
      await page.getByRole('button', { name: 'Compare (1)' }).click();
      await region(page, 'Numbers').getByRole('table').waitFor();
      await region(page, 'Model maps').getByRole('application').first().waitFor();
    },
  },
  {
    name: 'compare, generation',
    go: async ({ page }) => {
      await page.getByText('Generation', { exact: true }).click();
      await page.getByRole('textbox', { name: 'Prompt' }).fill('The climate of the country is');
      await type(page.getByRole('spinbutton', { name: 'New tokens' }), '12');
      await page.getByRole('button', { name: 'Generate', exact: true }).click();
      await expect.poll(() => page.getByText(/^Done: /).count()).toBe(2);
    },
  },
  {
    name: 'home, with runs',
    go: async ({ page }) => {
      await goTo(page, 'Home');
      await page.getByText('Earlier runs').waitFor();
    },
  },
  {
    name: 'runs, with one at work and one waiting',
    go: async ({ page }) => {
      await goTo(page, 'Runs');
      await page.getByRole('button', { name: /^Resume: / }).click();
      await page.getByRole('main').getByText('Running', { exact: true }).waitFor();
    },
    stays: (page) => page.getByRole('main').getByText('Running', { exact: true }).waitFor(),
  },
  {
    name: 'a request that failed',
    go: async ({ page }) => {
      await page.getByRole('link', { name: /Magnitude L2/ }).click();
      const finished = (await call(page, 'run:list')).find(({ state }) => state === 'finished');
      if (finished === undefined) throw new Error('No run has finished.');
      const { folder } = await call(page, 'run:get', { runId: finished.id });
      await rm(folder, { recursive: true });
      await page.getByRole('button', { name: 'Open folder' }).click();
      await page.getByRole('alert').waitFor();
    },
  },
];

/** Every screen of the studio in every state worth a look, each a step from the one before. */
export function screenTour(): readonly Stop[] {
  return stops;
}
