// Runs a TypeScript script of this repository, with its arguments:
//
//   node scripts/run-ts.mjs scripts/train-demo.ts --steps 100
//
// The script is bundled into dist/, beside the product's bundles: what the product looks up next to itself
// (dist/worker.js) is found there. So import.meta.url is the bundle's, and scripts take paths from the working folder.

import { rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import * as esbuild from 'esbuild';

import { bundleOptions } from './bundle-options.mjs';

const [script, ...scriptArguments] = process.argv.slice(2);
if (script === undefined) {
  throw new Error('Expected a script: node scripts/run-ts.mjs SCRIPT.ts [ARGUMENT ...]');
}

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const bundle = path.join(dist, `${path.basename(script, '.ts')}.${process.pid}.partial.mjs`);
process.on('exit', () => rmSync(bundle, { force: true }));

await esbuild.build({
  ...bundleOptions,
  entryPoints: [path.resolve(script)],
  outfile: bundle,
  sourcemap: 'inline',
});

process.argv = [process.execPath, path.resolve(script), ...scriptArguments];
process.setSourceMapsEnabled(true);
await import(pathToFileURL(bundle).href);
