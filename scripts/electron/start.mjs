// Builds the studio and opens its window:
//
//   npm start [-- --user-data-dir=FOLDER]

import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { findRuntime } from './find-runtime.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

try {
  await start(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/** @param {string[]} args */
async function start(args) {
  requireDisplay();
  const { executable } = await findRuntime();
  const { status } = spawnSync(process.execPath, [path.join(root, 'scripts', 'build.mjs')], {
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('The studio could not be built.');
  const studio = spawn(executable, [...rootFlags(), root, ...args], { stdio: 'inherit' });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
    process.on(signal, () => studio.kill(signal));
  }
  studio.on('error', (error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
  studio.on('close', (code) => {
    process.exitCode = code ?? 1;
  });
}

function requireDisplay() {
  if (process.platform !== 'linux' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY) return;
  throw new Error(
    'There is no display: neither DISPLAY nor WAYLAND_DISPLAY is set. Unseen, in a virtual one: xvfb-run -a npm start',
  );
}

/** Chromium's sandbox does not work for root. */
function rootFlags() {
  return process.platform === 'linux' && process.getuid?.() === 0 ? ['--no-sandbox'] : [];
}
