import { basename, resolve } from 'node:path';
import { stat } from 'node:fs/promises';
import { writeFileAtomic } from '../engine/checkpoint/atomic-file.ts';
import { EngineError } from '../engine/errors.ts';
import { readAnnotation } from '../studio/run-annotation.ts';
import { openRun } from '../studio/run-store.ts';
import { comparedModel, comparedRun, runTitle } from '../studio/compare/compared-run.ts';
import { compare as compareSubjects, type Comparison } from '../studio/compare/comparison.ts';
import { comparisonWords } from '../studio/compare/comparison-words.ts';
import { comparisonFormats } from '../studio/compare/comparison-formats.ts';
import { numbersTable, recipesTable, sourcesOf, type PlainTable } from '../studio/compare/comparison-text.ts';
import { publishedBeside } from '../studio/compare/published.ts';
import type { ComparedRun, Subject } from '../studio/compare/subject.ts';
import { writeComparison, type WrittenComparison } from '../studio/compare/written-comparison.ts';
import { exitCode, type ExitCode } from './output.ts';
import { formatTable } from './table.ts';

const formats = {
  text: (_, written) => toText(written),
  ...comparisonFormats,
  json: (comparison) => `${JSON.stringify(comparison, null, 2)}\n`,
} as const satisfies Readonly<Record<string, (comparison: Comparison, written: WrittenComparison) => string>>;
export type CompareFormat = keyof typeof formats;
export const compareFormats = Object.keys(formats) as readonly CompareFormat[];

export interface CompareOptions {
  readonly format: CompareFormat;
  readonly out?: string;
  readonly published: boolean;
}

/** llm-pruner compare A B … */
export async function compare(folders: readonly string[], options: CompareOptions): Promise<ExitCode> {
  const comparison = await comparisonOf(folders, options.published);
  const text = formats[options.format](comparison, writeComparison(comparison, comparisonWords('en')));
  if (options.out === undefined) process.stdout.write(text);
  else {
    const file = resolve(options.out);
    await writeFileAtomic(file, text);
    process.stderr.write(`The comparison is in ${file}\n`);
  }
  return exitCode.done;
}

async function comparisonOf(folders: readonly string[], withPublished: boolean): Promise<Comparison> {
  const runs: ComparedRun[] = [];
  const models: Subject[] = [];
  for (const [i, folder] of folders.map((name) => resolve(name)).entries()) {
    if (await isRun(folder)) runs.push(await readRun(folder));
    else models.push(await comparedModel(`model ${i}`, folder, basename(folder)));
  }
  return compareSubjects({
    runs,
    roles: runs.map(() => null),
    models,
    published: withPublished ? publishedBeside(runs) : [],
    baseline: null,
  });
}

async function readRun(folder: string): Promise<ComparedRun> {
  const stored = await openRun(folder);
  if (!stored.isReported) {
    throw new EngineError(
      'run-folder-invalid',
      `The run in ${folder} is not finished (${stored.state}): it has no numbers to compare yet.`,
      { folder, state: stored.state },
      `Let it come to its end: llm-pruner resume ${folder}`,
    );
  }
  const warn = (message: string): void => {
    process.stderr.write(`warning: ${message}\n`);
  };
  const { name } = await readAnnotation(folder, warn);
  const model = basename(stored.settings.model);
  return comparedRun(folder, stored, { run: name ?? runTitle(stored, model), model });
}

/** A run's folder has a recipe; a model's has none. */
async function isRun(folder: string): Promise<boolean> {
  return stat(resolve(folder, 'recipe.yaml')).then(
    (found) => found.isFile(),
    () => false,
  );
}

function toText(written: WrittenComparison): string {
  const table = ({ head, body }: PlainTable): string => formatTable([head, ...body]);
  const recipes = recipesTable(written);
  const sources = sourcesOf(written);
  return [
    table(numbersTable(written)),
    '',
    written.words.against,
    ...written.notes,
    ...(recipes.body.length > 0 ? ['', written.words.recipes, table(recipes)] : []),
    ...(sources.length > 0 ? ['', ...sources] : []),
    '',
  ].join('\n');
}
