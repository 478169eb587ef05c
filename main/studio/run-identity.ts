import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readError } from '../engine/checkpoint/file-errors.ts';
import type { RunSettings } from '../engine/run.ts';
import { engineVersion } from './engine-version.ts';

/** Files of a model folder that a result depends on. */
const modelFile =
  /(\.safetensors|\.safetensors\.index\.json|^config\.json|^tokenizer\.json|^tokenizer_config\.json)$/;

/** sha256 of what a run is made from: settings, content of model and data, engine. Paths have no part in it. */
export interface RunIdentity {
  readonly hash: string;
  readonly engineVersion: string;
}

/** Reads every byte of model and data once; async, a piece at a time. */
export async function identityOf(settings: RunSettings): Promise<RunIdentity> {
  const hash = createHash('sha256');
  const { model, calibration, evaluate, ...rest } = settings;
  const plain = {
    ...rest,
    calibration: { ...calibration, source: calibration.source !== null },
    evaluate: { ...evaluate, text: evaluate.text !== null },
    engineVersion,
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
  return { hash: hash.digest('hex'), engineVersion };
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
