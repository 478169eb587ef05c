import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readError } from '../engine/checkpoint/file-errors.ts';
import { hashFile } from '../engine/checkpoint/hash-file.ts';
import { isOtherWeights, weightFormatIn } from '../engine/checkpoint/weight-files.ts';
import { templateNames } from '../engine/dataset/prompt-template.ts';
import { EngineError } from '../engine/errors.ts';
import { taskFilesOf, textsOf } from '../engine/evaluation.ts';
import type { RunSettings } from '../engine/run.ts';
import { findAdapter } from '../engine/runtime/adapter-folder.ts';
import { engineVersion } from './engine-version.ts';
import { recordIdentity, type IdentifiedRun, type StoredRun } from './run-store.ts';

/** Files of a model folder that a result depends on, or takes over as they are: weights, configs, the tokenizer. */
const modelFile = /\.(safetensors|bin|json|model|txt|jinja)$/;

/** sha256 of what a run is made from: settings, content of model and data, engine. Paths have no part in it. */
export interface RunIdentity {
  readonly hash: string;
  readonly engineVersion: string;
}

/** Gives the sha256 of files; they may be remembered from an earlier reading. */
export type HashFiles = (paths: readonly string[]) => Promise<readonly string[]>;

/** The files that a run is made from. */
export interface RunContent {
  /** What the model's files go by. */
  readonly modelFiles: readonly string[];
  /** The model's files first, then the texts that there are. */
  readonly paths: readonly string[];
}

export async function contentOf(settings: RunSettings): Promise<RunContent> {
  const { model, calibration, evaluate, recover } = settings;
  const modelFiles = await modelFilesIn(model);
  const texts = [
    calibration.source,
    ...textsOf(evaluate),
    ...(await taskFilesOf(evaluate)),
    recover?.data ?? null,
    recover === undefined || isBundled(recover.template) ? null : recover.template,
  ].filter((path) => path !== null);
  const paths = [...modelFiles.map(({ path }) => path), ...texts];
  return { modelFiles: modelFiles.map(({ name }) => name), paths };
}

/** What a bundled template says is the engine version's. */
const isBundled = (template: string): boolean => templateNames.includes(template);

/** @param hashes Of the content's paths, in their order. */
export function identityFrom(
  settings: RunSettings,
  { modelFiles }: RunContent,
  hashes: readonly string[],
  version: string = engineVersion,
): RunIdentity {
  const { calibration, evaluate, recover } = settings;
  const plain = {
    ...settings,
    model: true,
    calibration: { ...calibration, source: calibration.source !== null },
    evaluate: withoutPaths(evaluate),
    engineVersion: version,
    ...(recover && {
      recover: { ...recover, data: true, template: isBundled(recover.template) ? recover.template : true },
    }),
  };
  const hash = createHash('sha256').update(JSON.stringify(plain));
  for (const [i, sha256] of hashes.entries()) hash.update(`\n${modelFiles[i] ?? ''}\n${sha256}`);
  return { hash: hash.digest('hex'), engineVersion: version };
}

/** How many texts there are, and which tasks, is said here; what they hold, by the hashes. */
const withoutPaths = ({ text, moreTexts, tasks, ...rest }: RunSettings['evaluate']): unknown => ({
  text: text !== null,
  ...rest,
  ...(moreTexts && { moreTexts: moreTexts.length }),
  ...(tasks && { tasks: { ...tasks, data: true } }),
});

/** Reads every byte of model and data once, unless `hashFiles` knows better. */
export async function identityOf(
  settings: RunSettings,
  version: string = engineVersion,
  hashFiles: HashFiles = readAll,
): Promise<RunIdentity> {
  const content = await contentOf(settings);
  return identityFrom(settings, content, await hashFiles(content.paths), version);
}

/**
 * Gives a run its identity, or compares model and data with those that it began with: half of a result of each would
 * be a result of none.
 * @throws EngineError run-folder-invalid where a byte differs; file-missing where a file is gone.
 */
export async function identified(stored: StoredRun, hashFiles: HashFiles = readAll): Promise<IdentifiedRun> {
  const { folder, settings, identity } = stored;
  const now = await identityOf(settings, identity?.engineVersion, hashFiles);
  if (identity === null) return recordIdentity(stored, now);
  if (now.hash === identity.hash) return { ...stored, identity };
  throw new EngineError(
    'run-folder-invalid',
    `The run in ${folder} cannot go on: its settings, its model or its data have changed since it began.`,
    { folder, model: settings.model, source: settings.calibration.source, text: settings.evaluate.text },
    'Put the original files back, or start a new run in another folder.',
  );
}

/** A file of a model. */
interface ModelFile {
  /** Whatever the place of the model. */
  readonly name: string;
  readonly path: string;
}

/** The files of a model's folder that a result depends on; an adapter's before those of its base model. */
export async function modelFilesIn(folder: string): Promise<ModelFile[]> {
  const adapter = await findAdapter(folder);
  const own = (await modelFileNames(folder)).map((name) => ({ name, path: join(folder, name) }));
  if (!adapter) return own;
  const { baseFolder } = adapter;
  const base = await modelFileNames(baseFolder);
  return [...own, ...base.map((name) => ({ name: `base/${name}`, path: join(baseFolder, name) }))];
}

async function modelFileNames(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw readError(error, folder);
  });
  const format = weightFormatIn(names);
  return names.filter((name) => modelFile.test(name) && !isOtherWeights(name, format)).sort();
}

async function readAll(paths: readonly string[]): Promise<string[]> {
  const hashes: string[] = [];
  for (const path of paths) hashes.push(await hashFile(path));
  return hashes;
}
