// Bundles what users run into dist/: the command line, the studio with its window, and the process that does one job.
//
//   node scripts/build.mjs

import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import * as esbuild from 'esbuild';
import * as vite from 'vite';

import { bundleOptions } from './bundle-options.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** @type {esbuild.BuildOptions} */
const command = { banner: { js: '#!/usr/bin/env node' } };

/**
 * Runs in the sandbox: no module but Electron's own is found there, and none is in the modern form.
 *
 * @type {esbuild.BuildOptions}
 */
const sandboxed = {
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  packages: 'bundle',
  external: ['electron'],
  target: 'chrome130',
};

/** Every bundle of the product: its name in dist/, its source, and how it differs from `bundleOptions`. */
const bundles = [
  { name: 'app', source: './main/app.ts', own: {} },
  { name: 'cli', source: './main/cli.ts', own: command },
  { name: 'preload', source: './preload/bridge.ts', own: sandboxed },
  { name: 'worker', source: './main/worker/entry.ts', own: {} },
];

// Tests start this with their own: React and antd would build a page that behaves as in a unit test.
process.env.NODE_ENV = 'production';

try {
  await Promise.all([...bundles.map(buildBundle), buildPage(), copyIcon()]);
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

/** The window shows its icon from a file beside the bundle. */
async function copyIcon() {
  const icon = await readFile(path.join(root, 'resources', 'icons', '256x256.png'));
  await replaceFile(path.join(root, 'dist', 'icon.png'), icon, 0o644);
}

async function buildPage() {
  const folder = path.join(root, 'dist', 'renderer');
  const partial = `${folder}.${process.pid}.partial`;
  try {
    await vite.build({
      configFile: path.join(root, 'renderer', 'vite.config.ts'),
      logLevel: 'warn',
      build: { outDir: partial },
    });
    await replaceFolder(folder, partial);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/**
 * A window may be reading the old page, so the new one takes its place only when it is whole.
 *
 * @param {string} folder
 * @param {string} partial
 */
async function replaceFolder(folder, partial) {
  const old = `${folder}.${process.pid}.old.partial`;
  for (let placed = false; !placed;) {
    await rename(folder, old).catch(() => undefined);
    await rm(old, { recursive: true, force: true });
    placed = await rename(partial, folder).then(
      () => true,
      (/** @type {unknown} */ error) => {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        // Another build has placed its own meanwhile.
        if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
        throw error;
      },
    );
  }
}

/** @param {(typeof bundles)[number]} bundle */
async function buildBundle({ name, source, own }) {
  /** @type {esbuild.BuildOptions & { write: false }} */
  const options = {
    ...bundleOptions,
    absWorkingDir: root,
    entryPoints: { [name]: source },
    outdir: 'dist',
    sourcemap: true,
    ...own,
    write: false,
  };
  const { outputFiles } = await esbuild.build(options);
  for (const { path: file, contents } of outputFiles) {
    await replaceFile(file, contents, own === command && file.endsWith('.js') ? 0o755 : 0o644);
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
