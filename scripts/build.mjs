// Bundles what users run into dist/: the command line and the process that does one job.
//
//   node scripts/build.mjs

import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import * as esbuild from 'esbuild';

import { bundleOptions } from './bundle-options.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Every bundle of the product: its name in dist/, its source, and whether a shell starts it. */
const bundles = [
  { name: 'cli', source: './main/cli.ts', isCommand: true },
  { name: 'worker', source: './main/worker/entry.ts', isCommand: false },
];

try {
  await Promise.all(bundles.map(buildBundle));
} catch (error) {
  if (!isBuildFailure(error)) throw error;
  process.exitCode = 1;
}

/**
 * Whether esbuild refused the sources; it has printed why by then.
 *
 * @param {unknown} error
 */
function isBuildFailure(error) {
  return error instanceof Error && 'errors' in error;
}

/** @param {(typeof bundles)[number]} bundle */
async function buildBundle({ name, source, isCommand }) {
  /** @type {esbuild.BuildOptions & { write: false }} */
  const options = {
    ...bundleOptions,
    absWorkingDir: root,
    entryPoints: { [name]: source },
    outdir: 'dist',
    sourcemap: true,
    banner: isCommand ? { js: '#!/usr/bin/env node' } : {},
    write: false,
  };
  const { outputFiles } = await esbuild.build(options);
  for (const { path: file, contents } of outputFiles) {
    await replaceFile(file, contents, isCommand && file.endsWith('.js') ? 0o755 : 0o644);
  }
}

/**
 * A process may be starting from the old bundle, so the new one takes its name only when it is whole.
 *
 * @param {string} file
 * @param {Uint8Array} contents
 * @param {number} mode
 */
async function replaceFile(file, contents, mode) {
  const partial = `${file}.${process.pid}.partial`;
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(partial, contents);
  await chmod(partial, mode);
  await rename(partial, file);
}
