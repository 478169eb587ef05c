import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readError } from '../engine/checkpoint/file-errors.ts';
import { templateNames } from '../engine/dataset/prompt-template.ts';
import { EngineError } from '../engine/errors.ts';
import type { RunSettings } from '../engine/run.ts';
import { engineVersion } from './engine-version.ts';
import type { StoredRun } from './run-store.ts';

/** Files of a model folder that a result depends on, or takes over as they are: weights, configs, the tokenizer. */
const modelFile = /\.(safetensors|json|model|txt|jinja)$/;

/** sha256 of what a run is made from: settings, content of model and data, engine. Paths have no part in it. */
export interface RunIdentity {
  readonly hash: string;
  readonly engineVersion: string;
}

/** Reads every byte of model and data once; async, a piece at a time. */
export async function identityOf(
  settings: RunSettings,
  version: string = engineVersion,
): Promise<RunIdentity> {
  const hash = createHash('sha256');
  const { model, calibration, evaluate, recover, ...rest } = settings;
  const plain = {
    ...rest,
    calibration: { ...calibration, source: calibration.source !== null },
    evaluate: { ...evaluate, text: evaluate.text !== null },
    engineVersion: version,
    ...(recover && {
      recover: { ...recover, data: true, template: templateNames.includes(recover.template) },
    }),
  };
  hash.update(JSON.stringify(plain));
  for (const file of (await listFolder(model)).filter((name) => modelFile.test(name)).sort()) {
    hash.update(`\n${file}\n`);
    await addFile(hash, join(model, file));
  }
  for (const file of [calibration.source, evaluate.text]) {
    hash.update('\n');
    if (file !== null) await addFile(hash, file);
  }
  if (recover) {
    hash.update('\n');
    await addFile(hash, recover.data);
    // What a bundled template says is the engine version's.
    if (templateNames.includes(recover.template)) hash.update(`\n${recover.template}`);
    else await addFile(hash, recover.template);
  }
  return { hash: hash.digest('hex'), engineVersion: version };
}

/**
 * Compares model and data with those that a stored run began with: half of a result of each would be a result of none.
 * @throws EngineError run-folder-invalid where a byte differs; file-missing where a file is gone.
 */
export async function requireUnchanged({ folder, settings, identity }: StoredRun): Promise<void> {
  if ((await identityOf(settings, identity.engineVersion)).hash === identity.hash) return;
  throw new EngineError(
    'run-folder-invalid',
    `The run in ${folder} cannot go on: its settings, its model or its data have changed since it began.`,
    { folder, model: settings.model, source: settings.calibration.source, text: settings.evaluate.text },
    'Put the original files back, or start a new run in another folder.',
  );
}

async function listFolder(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    throw readError(error, folder);
  });
}

async function addFile(hash: Hash, path: string): Promise<void> {
  try {
    for await (const piece of createReadStream(path, { highWaterMark: 2 ** 20 }))
      hash.update(piece as Buffer);
  } catch (error) {
    throw readError(error, path);
  }
}
