import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, vi } from 'vitest';
import { call, patienceMs, workerPids, type OpenStudio } from './harness.ts';
import type { ElectronApplication, Locator, Page } from 'playwright-core';

/** What a person does and reads in the wizard, by the labels on screen. */

type Step = 'Model' | 'Plan' | 'Data' | 'Recovery';

const nextOf: Readonly<Record<Step, string>> = {
  Model: 'Next: Plan',
  Plan: 'Next: Data',
  Data: 'Next: Recovery',
  Recovery: 'Start run',
};

export const region = (page: Page, name: string): Locator => page.getByRole('region', { name, exact: true });

const primary = (page: Page, name: string): Locator =>
  page.getByRole('button', { name, exact: true, disabled: false });

/** Presses the step's main button, which may have to become possible first. */
export async function goOn(page: Page, from: Step): Promise<void> {
  await primary(page, nextOf[from]).click();
}

export async function chooseDemo(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'New run' }).first().click();
  await page.getByRole('button', { name: 'Use the demo model' }).click();
  await region(page, 'demo').waitFor();
}

/** The demo's files. */
export const demo = path.resolve(import.meta.dirname, '../../resources/demo');

/** Writes the beginning of the demo's evaluation text, so that a run takes a moment. */
export async function shortText(folder: string, characters: number): Promise<string> {
  const file = path.join(folder, `short-${characters}.txt`);
  await writeFile(file, (await readFile(path.join(demo, 'heldout.txt'), 'utf8')).slice(0, characters));
  return file;
}

/** What the system's dialog for files and folders answers from now on. */
export async function dialogAnswers(app: ElectronApplication, chosen: string): Promise<void> {
  const set = (): Promise<void> =>
    app.evaluate(({ dialog }, filePath) => {
      dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [filePath] });
    }, chosen);
  // On a busy machine main may collect the promise of an evaluation before it is read.
  await vi.waitFor(set, patienceMs);
}

/**
 * The process of the run at work, once it has told of itself: others, which looked into texts or were killed, may take
 * a moment to be gone.
 */
export async function runWorker(studio: OpenStudio): Promise<number> {
  return vi.waitFor(async () => {
    const running = (await call(studio.page, 'run:list')).find(({ state }) => state === 'running');
    expect(running).toBeDefined();
    const { progress } = await call(studio.page, 'run:get', { runId: running?.id ?? '' });
    expect(progress.memoryBytes).not.toBeNull();
    const pids = await workerPids(studio);
    expect(pids).toHaveLength(1);
    return pids[0];
  }, patienceMs);
}

/** Types into a field as a person does who leaves it afterwards. */
export async function type(field: Locator, text: string): Promise<void> {
  await field.fill(text);
  await field.press('Tab');
}

export async function choose(page: Page, field: string, option: string): Promise<void> {
  await page.getByRole('combobox', { name: field, exact: true }).click();
  await page.getByRole('option', { name: option, exact: true }).click();
}

/** Lets the running run come to its end, and goes to its results. */
export async function seeResults(page: Page): Promise<void> {
  await primary(page, 'See results').click({ timeout: 100_000 });
  await region(page, 'How it was made').waitFor();
}

export const quantities = ['Parameters', 'MACs', 'Weights', 'Memory', 'Perplexity'] as const;
export type Row = Readonly<Record<(typeof quantities)[number], string>>;

/** A row of the before → after bar, as it is written there. */
export async function barRow(page: Page, name: RegExp): Promise<Row> {
  const row = region(page, 'Before and after')
    .getByRole('row')
    .filter({ has: page.getByRole('rowheader', { name }) });
  const texts = await row.getByRole('cell').allInnerTexts();
  return Object.fromEntries(quantities.map((quantity, i) => [quantity, texts[i]])) as Row;
}

export async function showFullDigits(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Full digits' }).click();
}

/** The body of the table of widths: layer, heads before, after, change, MLP width before, after, change. */
export async function widthRows(within: Locator): Promise<string[][]> {
  const rows = await within.getByRole('table').locator('tbody tr').all();
  return Promise.all(rows.map((row) => row.locator('th, td').allInnerTexts()));
}

/** The number in a text of the window, without unit, mark and separators. */
export function numberIn(text: string): number {
  const number = text.replace(/[^\d.−-]/g, '').replace('−', '-');
  expect(number, text).not.toBe('');
  return Number(number);
}

/** A value of a list of names and values. */
export async function fact(within: Locator, name: string): Promise<string> {
  const term = within.getByRole('term').filter({ hasText: new RegExp(`^${name}$`) });
  return (await term.locator('xpath=following-sibling::dd').innerText()).trim();
}

/** What the button puts on the system's clipboard. */
export async function copied(app: ElectronApplication, button: Locator): Promise<string> {
  await app.evaluate(({ clipboard }) => {
    clipboard.clear();
  });
  await button.click();
  const read = (): Promise<string> => app.evaluate(({ clipboard }) => clipboard.readText());
  return vi.waitFor(async () => {
    const text = await read();
    expect(text).not.toBe('');
    return text;
  }, patienceMs);
}
