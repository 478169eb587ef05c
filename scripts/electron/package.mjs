// Packages the studio with electron-builder.yml:
//
//   node scripts/electron/package.mjs --dir    an unpacked program for this machine, in release/
//   node scripts/electron/package.mjs          this platform's installers; from the official Electron only
//
// What is built from the package registry's runtime is for development and tests, and says so in name and version.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { build, Platform } from 'electron-builder';

import { findRuntime } from './find-runtime.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const isUnpacked = process.argv.includes('--dir');

try {
  await packageStudio();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function packageStudio() {
  const runtime = await findRuntime({ officialOnly: !isUnpacked });
  const { status } = spawnSync(process.execPath, [path.join(root, 'scripts', 'build.mjs')], {
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('The studio could not be built.');
  await build({
    projectDir: root,
    targets: Platform.current().createTarget(isUnpacked ? 'dir' : null),
    publish: 'never',
    config: {
      extends: path.join(root, 'electron-builder.yml'),
      electronDist: runtime.folder,
      electronVersion: runtime.version,
      afterPack: removeDefaultApp,
      ...(!runtime.official && developmentLabel(runtime.version)),
    },
  });
}

/**
 * The default app starts whatever a command line names; nothing may, once the studio is packaged.
 *
 * @param {import('electron-builder').AfterPackContext} context
 */
async function removeDefaultApp({ appOutDir, packager }) {
  await rm(path.join(packager.getResourcesDir(appOutDir), 'default_app.asar'), { force: true });
}

/** @param {string} electronVersion */
function developmentLabel(electronVersion) {
  /** @type {{ version: string }} */
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  return {
    productName: 'LLM-Pruner Studio Development',
    extraMetadata: { version: `${version}-dev.electron.${electronVersion}` },
  };
}
