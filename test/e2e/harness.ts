import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { _electron, type ElectronApplication, type Page } from 'playwright-core';
import { afterAll, beforeAll, inject, onTestFinished } from 'vitest';
import type {
  CallName,
  CallRequest,
  CallResponse,
  Picked,
  StudioBridge,
  StudioError,
} from '../../preload/contract.ts';

/** The bridge as a page sees it. */
export type PageWithStudio = Window & { readonly studio: StudioBridge };

/** A studio at work, with its one window. */
export interface OpenStudio {
  readonly app: ElectronApplication;
  readonly page: Page;
  /** Settings and runs; a second start with the same folder finds them again. */
  readonly userData: string;
  /** The main process; it outlives the connection to it. */
  readonly main: ChildProcess;
}

export interface StudioOptions {
  readonly userData?: string;
  /** The system's language. */
  readonly locale?: string;
}

/** For what a screen shows at once, on a machine that is busy with other tests. */
export const patienceMs = 60_000;

const root = path.resolve(import.meta.dirname, '../..');

/** Starts the built studio (dist/) in a real Electron; it is gone after the test. */
export async function startStudio({ userData, locale }: StudioOptions = {}): Promise<OpenStudio> {
  const folder = userData ?? (await userDataFolder());
  const studio = await launchStudio(folder, locale);
  onTestFinished(() => endStudio(studio));
  return studio;
}

/** One studio for all the tests around which this is called: for tests that leave it as it was. */
export function sharedStudio(): () => OpenStudio {
  let studio: OpenStudio | undefined;
  let userData: string | undefined;
  beforeAll(async () => {
    userData = await makeUserData();
    studio = await launchStudio(userData);
  });
  afterAll(async () => {
    if (studio !== undefined) await endStudio(studio);
    if (userData !== undefined) await removeUserData(userData);
  });
  return () => {
    if (studio === undefined) throw new Error('The studio was not started.');
    return studio;
  };
}

/** A folder for a studio's settings and runs, which is gone after the test. */
export async function userDataFolder(): Promise<string> {
  const folder = await makeUserData();
  onTestFinished(() => removeUserData(folder));
  return folder;
}

async function makeUserData(): Promise<string> {
  return mkdtemp(path.join(await realpath(tmpdir()), 'studio-window-'));
}

/** Chromium's processes end a moment after main, and write until then. */
async function removeUserData(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

async function launchStudio(userData: string, locale = 'en-US'): Promise<OpenStudio> {
  const app = await _electron.launch({
    executablePath: electronExecutable(),
    args: studioArguments(userData, locale),
    // The page's theme is the studio's own, not one that Playwright plays to it.
    colorScheme: null,
    env: { ...definedEnvironment(), LANGUAGE: locale.replace('-', '_'), STUDIO_CHECK_ANSWERS: '1' },
  });
  const main = app.process();
  const page = await app.firstWindow();
  await page.waitForLoadState();
  page.setDefaultTimeout(patienceMs);
  return { app, page, userData, main };
}

/** Ends it at once: it is asked nothing, and finishes nothing. */
export async function endStudio({ app, main }: OpenStudio): Promise<void> {
  if (main.exitCode === null && main.signalCode === null) {
    const gone = new Promise((resolve) => main.once('exit', resolve));
    main.kill('SIGKILL');
    await gone;
  }
  await app.close().catch(() => undefined);
}

/** Starts the studio once more on the same folder, as a second click on its icon does; resolves when that one is gone. */
export function secondStart({ userData }: OpenStudio): Promise<number | null> {
  const second = spawn(electronExecutable(), studioArguments(userData), { stdio: 'ignore' });
  return new Promise((resolve, reject) => {
    second.on('error', reject);
    second.on('close', resolve);
  });
}

/** Process ids of the workers that are there. */
export function workerPids({ app }: OpenStudio): Promise<number[]> {
  return app.evaluate(({ app: program }) =>
    program
      .getAppMetrics()
      .filter(({ name }) => name === 'LLM-Pruner worker')
      .map(({ pid }) => pid),
  );
}

/** Path of the Electron to test with; throws where none could be had, so that window tests fail there. */
export function electronExecutable(): string {
  const electron = inject('electron');
  if ('missing' in electron) throw new Error(electron.missing);
  return electron.executable;
}

function studioArguments(userData: string, locale = 'en-US'): string[] {
  return [...rootFlags(), `--user-data-dir=${userData}`, `--lang=${locale}`, root];
}

/** Chromium's sandbox does not work for root. */
function rootFlags(): string[] {
  return process.platform === 'linux' && process.getuid?.() === 0 ? ['--no-sandbox'] : [];
}

/** A call of the contract, made in the page over the real bridge; throws what the studio refuses it with. */
export async function call<N extends CallName>(
  page: Page,
  name: N,
  ...[request]: CallRequest<N> extends undefined ? [] : [CallRequest<N>]
): Promise<CallResponse<N>> {
  const answer = await page.evaluate(
    ([callName, argument]) => (window as unknown as PageWithStudio).studio.call(callName, argument as never),
    [name, request] as const,
  );
  if (answer.ok) return answer.value;
  throw new StudioRefused(answer.error);
}

/** What a call was refused with. */
class StudioRefused extends Error {
  constructor(readonly error: StudioError) {
    super(`${error.code}: ${error.message}`);
  }
}

/** Grants a folder or file as a person does, in the system's dialog. */
export async function pick(
  { app, page }: OpenStudio,
  what: 'model' | 'text',
  chosen: string,
): Promise<Picked> {
  await app.evaluate(({ dialog }, filePath) => {
    dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [filePath] });
  }, chosen);
  const picked = await call(page, `${what}:pick`);
  if (picked === null) throw new Error(`${chosen} was not granted.`);
  return picked;
}

/** How a call that must be refused is refused, whatever it was given. */
export async function refusal(page: Page, name: string, request?: unknown): Promise<string> {
  const answer = await page.evaluate(
    ([callName, argument]) =>
      (window as unknown as PageWithStudio).studio.call(callName as CallName, argument as never),
    [name, request] as const,
  );
  return answer.ok ? 'not refused' : answer.error.code;
}

function definedEnvironment(): Record<string, string> {
  const defined = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return Object.fromEntries(defined);
}
