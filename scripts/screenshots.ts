/**
 * Pictures of every screen, made by the studio itself on the demo model: in both languages and themes, at 1280 x 800
 * and 1920 x 1080.
 *
 *   xvfb-run -a -s "-screen 0 2048x1200x24" node scripts/run-ts.mjs scripts/screenshots.ts FOLDER
 *
 * README's own, into docs/screenshots: the same with --readme. Needs the built studio (npm run build).
 */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { _electron, type Page } from 'playwright-core';

interface Look {
  readonly language: 'en' | 'zh-CN';
  readonly theme: 'light' | 'dark';
  readonly width: number;
  readonly height: number;
}

const everyLook: readonly Look[] = [
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
].flatMap((size) =>
  (['en', 'zh-CN'] as const).flatMap((language) =>
    (['light', 'dark'] as const).map((theme) => ({ language, theme, ...size })),
  ),
);

const readmeFolder = 'docs/screenshots';
const readmeLook: Look = { language: 'en', theme: 'light', width: 1280, height: 800 };
const readmeScreens: Readonly<Record<string, Look>> = {
  plan: readmeLook,
  run: readmeLook,
  recovery: readmeLook,
  training: { ...readmeLook, theme: 'dark' },
  results: readmeLook,
  compare: readmeLook,
  explorer: { ...readmeLook, theme: 'dark' },
  'plan-chinese': { ...readmeLook, language: 'zh-CN', theme: 'dark' },
};

const [argument] = process.argv.slice(2);
if (argument === undefined) throw new Error('Expected a folder for the pictures, or --readme.');
const isReadme = argument === '--readme';
const folder = resolve(isReadme ? readmeFolder : argument);
await mkdir(folder, { recursive: true });

const userData = await mkdtemp(join(tmpdir(), 'studio-pictures-'));
// A script of its own: it finds the repository by where it lies, which this bundle does not.
const finder = [resolve('scripts/electron/find-runtime.mjs')];
const executable = execFileSync(process.execPath, finder, { encoding: 'utf8' }).trim();
const rootFlags = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
const app = await _electron.launch({
  executablePath: executable,
  colorScheme: null,
  args: [...rootFlags, `--user-data-dir=${userData}`, '--force-device-scale-factor=1', resolve('.')],
});
try {
  const page = await app.firstWindow();
  await page.waitForLoadState();
  await takeTour(page, (name) => picture(page, name));
} finally {
  app.process().kill('SIGKILL');
  await app.close().catch(() => undefined);
  await rm(userData, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

/** Through every screen in the order in which a person comes to it. */
async function takeTour(page: Page, shoot: (name: string) => Promise<void>): Promise<void> {
  const next = (): Promise<void> => page.keyboard.press('Control+Enter');
  await page.getByRole('heading', { level: 1 }).waitFor();
  await shoot('home-first');
  await page.keyboard.press('Control+n');
  await shoot('model-empty');
  await page.locator('.column .panel button').nth(1).click();
  await page.locator('.map-panel canvas').waitFor();
  await shoot('model');
  await openLayer(page);
  await page.getByRole('complementary').getByRole('link', { name: 'See dependencies' }).click();
  await page.getByRole('button', { name: 'attention, index 0, step 3' }).click();
  await shoot('explorer');
  await next();
  await page.locator('.map-panel canvas').waitFor();
  await shoot('plan');
  await editPlan(page, shoot);
  await next();
  await sleep(1500);
  await shoot('data');
  await next();
  await page.getByText('Recovery training', { exact: true }).waitFor();
  await switchRecoveryOn(page, shoot);
  await next();
  // Scores come in layer by layer: with a few of them the map says what the stage does.
  await page.locator('.map-panel').getByText('important, by rank').waitFor({ timeout: 600_000 });
  await sleep(1500);
  await shoot('run');
  // A curve of some steps and two validations.
  await page.getByText(/^(4[5-9]|[5-9]\d) of 120$/).waitFor({ timeout: 600_000 });
  await shoot('training');
  await page.locator('.primary-action[aria-disabled="false"]').waitFor({ timeout: 600_000 });
  await next();
  await sleep(500);
  await shoot('results');
  await page.locator('.screen-body').evaluate((body) => body.scrollTo(0, body.scrollHeight));
  await shoot('results-end');
  await page.getByRole('link', { name: 'Importance' }).click();
  await page.getByRole('heading', { level: 1, name: /importance/i }).waitFor();
  await sleep(800);
  await shoot('importance');
  await secondRun(page);
  await page.keyboard.press('Control+2');
  await page.locator('.runs-table').waitFor();
  await shoot('runs');
  for (const box of await page.locator('.runs-table tbody input[type=checkbox]').all()) await box.check();
  await page.locator('.screen-actions button').first().click();
  await page.locator('.comparison-table').waitFor();
  await sleep(800);
  await shoot('compare');
  await page.locator('.screen-body').evaluate((body) => body.scrollTo(0, body.scrollHeight));
  await shoot('compare-end');
  await page.locator('.compare-view label').nth(1).click();
  await page.locator('textarea').first().fill('The climate of the country is');
  await next();
  await page.locator('.answer').first().waitFor();
  await sleep(15_000);
  await shoot('generation');
  await page.keyboard.press('Control+1');
  await shoot('home');
  await page.keyboard.press('Control+,');
  await shoot('settings');
}

/** Opens a layer with the keyboard, on the screen's map. */
async function openLayer(page: Page): Promise<void> {
  await page.getByRole('application', { name: 'Model map' }).press('ArrowRight');
  await page.keyboard.press('Enter');
  await page.getByRole('complementary').waitFor();
}

/** A layer's own ratio and a pinned head, and everything as it was. */
async function editPlan(page: Page, shoot: (name: string) => Promise<void>): Promise<void> {
  await openLayer(page);
  const layer = page.getByRole('complementary');
  await layer.getByRole('radiogroup', { name: 'MLP' }).getByText('Own ratio').click();
  await layer.getByRole('button', { name: 'Pin: Head 1', exact: true }).click();
  await sleep(500);
  await shoot('plan-edited');
  await page.getByRole('region', { name: 'Changes by hand' }).getByRole('button', { name: 'Reset' }).click();
  await page.locator('.screen-body').evaluate((body) => body.scrollTo(0, body.scrollHeight));
  await shoot('plan-end');
}

/** Another criterion at the same ratio, without a training. */
async function secondRun(page: Page): Promise<void> {
  await page.keyboard.press('Control+n');
  await page.getByRole('button', { name: 'Use the demo model' }).click();
  await page.locator('.map-panel canvas').waitFor();
  await page.keyboard.press('Control+Enter');
  await page.getByRole('combobox', { name: 'Criterion' }).click();
  await page.getByRole('option', { name: 'Magnitude L2', exact: true }).click();
  await page.keyboard.press('Alt+4');
  await page.getByText('Recovery training', { exact: true }).waitFor();
  await page.keyboard.press('Control+Enter');
  await page
    .getByRole('button', { name: 'See results', exact: true, disabled: false })
    .click({ timeout: 600_000 });
  await page.locator('.results').waitFor();
}

async function switchRecoveryOn(page: Page, shoot: (name: string) => Promise<void>): Promise<void> {
  await shoot('recovery-off');
  await page.getByText('On', { exact: true }).click();
  await page.locator('.training-time:not(.quiet)').waitFor({ timeout: 120_000 });
  await page.locator('.training-rows').waitFor();
  await shoot('recovery');
  await page.getByText('Details', { exact: true }).click();
  await shoot('recovery-details');
  await page.getByText('Details', { exact: true }).click();
}

async function picture(page: Page, name: string): Promise<void> {
  const looks = isReadme
    ? Object.entries(readmeScreens).filter(([screen]) => screen.split('-')[0] === name)
    : everyLook.map((look) => [`${name}-${look.language}-${look.theme}-${look.width}`, look] as const);
  // Where the pointer was left, the next screen may have a word that explains itself.
  await page.mouse.move(0, 0);
  for (const [file, look] of looks) {
    await show(page, look);
    await page.screenshot({ path: join(folder, `${file}.png`) });
  }
  await show(page, readmeLook);
}

async function show(page: Page, look: Look): Promise<void> {
  await page.setViewportSize({ width: look.width, height: look.height });
  await page.evaluate(async ({ language, theme }) => {
    const { studio: bridge } = window as unknown as {
      studio: { call(name: string, request: unknown): Promise<unknown> };
    };
    await bridge.call('settings:set', { language, theme });
  }, look);
  // The map and the charts follow the new size in the frames after it.
  await sleep(400);
}
