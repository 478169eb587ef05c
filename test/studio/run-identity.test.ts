import { appendFile, cp, open, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RunSettings } from '../../main/engine/run.ts';
import { engineVersion } from '../../main/studio/engine-version.ts';
import { defaultRecipe } from '../../main/studio/recipe.ts';
import { identified, identityOf } from '../../main/studio/run-identity.ts';
import { createRun, openRun, type StoredRun } from '../../main/studio/run-store.ts';
import { describeModel } from '../../main/engine/runtime/model.ts';
import { changeJson } from '../cli/bad-input/bad-input.ts';
import { rejection } from '../engine/checkpoint/rejection.ts';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';
import { writeExampleAdapter } from '../fixtures/example-adapter.ts';
import { goldenModelFolder } from '../fixtures/golden-files.ts';
import { writeRows } from '../fixtures/random-model.ts';
import { runSettings } from '../fixtures/run-settings.ts';

/** A copy of model and data in a folder of their own. */
async function copied(model = 'gqa'): Promise<{ folder: string; settings: RunSettings }> {
  const folder = temporaryFolder();
  await cp(goldenModelFolder(model), path.join(folder, 'model'), { recursive: true });
  await writeFile(path.join(folder, 'text.txt'), 'What is evaluated.');
  const settings = {
    ...runSettings,
    model: path.join(folder, 'model'),
    calibration: {
      ...runSettings.calibration,
      source: await writeRows(path.join(folder, 'rows.jsonl'), [[1, 2, 3]]),
    },
    evaluate: { ...runSettings.evaluate, text: path.join(folder, 'text.txt') },
  };
  return { folder, settings };
}

const hashOf = async (settings: RunSettings): Promise<string> => (await identityOf(settings)).hash;

/** The lowest bit of the byte in the middle, turned over. */
async function changeOneBit(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  const middle = Math.floor((await handle.stat()).size / 2);
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, middle);
  await handle.write(Uint8Array.of(buffer[0] ^ 1), 0, 1, middle);
  await handle.close();
}

it('is the same for the same content at another path, time and time again', async () => {
  const [one, other] = [await copied(), await copied()];
  expect(await hashOf(one.settings)).toMatch(/^[0-9a-f]{64}$/);
  expect(await hashOf(one.settings)).toBe(await hashOf(one.settings));
  expect(await hashOf(other.settings)).toBe(await hashOf(one.settings));
});

describe('is another for another', () => {
  it.each([
    ['byte of the weights', 'gqa', 'model/model.safetensors'],
    ['byte of one shard', 'sharded-bf16', 'model/model-00004-of-00005.safetensors'],
    ['byte of the index', 'sharded-bf16', 'model/model.safetensors.index.json'],
    ['byte of the config', 'gqa', 'model/config.json'],
    ['byte of a file that the result takes over', 'gqa', 'model/generation_config.json'],
    ['byte of the calibration data', 'gqa', 'rows.jsonl'],
    ['byte of the evaluation text', 'gqa', 'text.txt'],
  ])('%s', async (_what, model, file) => {
    const { folder, settings } = await copied(model);
    const before = await hashOf(settings);
    await changeOneBit(path.join(folder, file));
    expect(await hashOf(settings)).not.toBe(before);
  });

  it('tokenizer, chat template or vocabulary beside the weights', async () => {
    const { folder, settings } = await copied();
    const seen = new Set([await hashOf(settings)]);
    for (const file of ['tokenizer.json', 'tokenizer.model', 'chat_template.jinja', 'merges.txt']) {
      await writeFile(path.join(folder, 'model', file), '{}');
      seen.add(await hashOf(settings));
    }
    expect(seen.size).toBe(5);
    await writeFile(path.join(folder, 'model', 'README.md'), 'What is not read.');
    expect(seen).toContain(await hashOf(settings));
  });

  it('byte of a .bin, where the weights are read from it', async () => {
    const { folder, settings } = await copied();
    const model = path.join(folder, 'model');
    const bin = path.join(model, 'pytorch_model.bin');
    await writeFile(bin, 'not read beside safetensors');
    const beside = await hashOf(settings);
    await rm(bin);
    expect(await hashOf(settings)).toBe(beside);
    await rm(path.join(model, 'model.safetensors'));
    await writeFile(bin, 'what is read now');
    const alone = await hashOf(settings);
    await changeOneBit(bin);
    expect(await hashOf(settings)).not.toBe(alone);
  });

  const changes: Record<string, (settings: RunSettings) => RunSettings> = {
    criterion: (s) => ({ ...s, prune: { ...s.prune, criterion: 'magnitude-l1' } }),
    aggregation: (s) => ({ ...s, prune: { ...s.prune, aggregation: 'max' } }),
    ratio: (s) => ({ ...s, prune: { ...s.prune, ratio: 0.5000001 } }),
    'GQA fold': (s) => ({ ...s, prune: { ...s.prune, gqaFold: 'published' } }),
    window: (s) => ({ ...s, prune: { ...s.prune, windows: { attention: [1, 3], mlp: [1, 4] } } }),
    seed: (s) => ({ ...s, prune: { ...s.prune, seed: 43 } }),
    steps: (s) => ({ ...s, prune: { ...s.prune, steps: 2 } }),
    'number of samples': (s) => ({ ...s, calibration: { ...s.calibration, samples: 1 } }),
    'sequence length': (s) => ({ ...s, evaluate: { ...s.evaluate, seqLen: 64 } }),
    'number of threads': (s) => ({ ...s, threads: 2 }),
    'memory plan': (s) => ({ ...s, memory: { ...s.memory, batchTokens: 1 } }),
    platform: (s) => ({ ...s, platform: 'elsewhere' }),
    'evaluation text: none': (s) => ({ ...s, evaluate: { ...s.evaluate, text: null } }),
    'pair of texts, exchanged': (s) => ({
      ...s,
      calibration: { ...s.calibration, source: s.evaluate.text },
      evaluate: { ...s.evaluate, text: s.calibration.source },
    }),
  };

  it.each(Object.keys(changes))('%s', async (name) => {
    const { settings } = await copied();
    expect(await hashOf(changes[name](settings))).not.toBe(await hashOf(settings));
  });

  it('byte of an adapter, or of its base model', async () => {
    const { folder, settings } = await copied();
    const model = path.join(folder, 'adapter');
    await writeExampleAdapter(await describeModel(path.join(folder, 'model')), model);
    await changeJson(path.join(model, 'adapter_config.json'), { base_model_name_or_path: '../model' });
    const seen = new Set([await hashOf(settings), await hashOf({ ...settings, model })]);
    for (const file of ['adapter/adapter_model.safetensors', 'model/model.safetensors']) {
      await changeOneBit(path.join(folder, file));
      seen.add(await hashOf({ ...settings, model }));
    }
    expect(seen.size).toBe(4);
  });

  it('engine', async () => {
    const { settings } = await copied();
    const now = await identityOf(settings);
    expect(now.engineVersion).toBe(engineVersion);
    expect(await identityOf(settings, engineVersion)).toEqual(now);
    expect((await identityOf(settings, '0.0.1')).hash).not.toBe(now.hash);
  });
});

describe('a stored run', () => {
  async function stored(version = engineVersion): Promise<StoredRun> {
    const { folder, settings } = await copied();
    const identity = await identityOf(settings, version);
    return createRun(
      path.join(folder, 'run'),
      { ...defaultRecipe(), model: settings.model },
      settings,
      identity,
    );
  }

  it('may go on while nothing it was made from has changed, by an older engine too', async () => {
    for (const run of [await stored(), await stored('0.0.1')]) expect(await identified(run)).toEqual(run);
  });

  it.each(['model/model.safetensors', 'rows.jsonl', 'text.txt'])(
    'may not once %s has changed',
    async (file) => {
      const run = await stored();
      await appendFile(path.join(path.dirname(run.folder), file), '\n');
      const error = await rejection(identified(run));
      expect(error.code).toBe('run-folder-invalid');
      expect(error.message).toBe(
        `The run in ${run.folder} cannot go on: its settings, its model or its data have changed since it began.`,
      );
    },
  );

  it('may not once its own settings have changed, or a file is gone', async () => {
    const run = await stored();
    const prune = { ...run.settings.prune, ratio: 0.25 };
    const changed = { ...run, settings: { ...run.settings, prune } };
    expect((await rejection(identified(changed))).code).toBe('run-folder-invalid');
    await rm(path.join(path.dirname(run.folder), 'text.txt'));
    expect((await rejection(identified(run))).code).toBe('file-missing');
  });
});

it('is given to a run that has none yet, and written down', async () => {
  const { folder, settings } = await copied();
  const recipe = { ...defaultRecipe(), model: settings.model };
  const run = await createRun(path.join(folder, 'run'), recipe, settings, null);
  expect(run.identity).toBeNull();
  const identity = await identityOf(settings);
  expect(await identified(run)).toEqual({ ...run, identity });
  expect(await openRun(run.folder)).toEqual({ ...run, identity });
});

it('changes nothing that it reads', async () => {
  const { folder, settings } = await copied();
  const weights = path.join(folder, 'model/model.safetensors');
  const before = await readFile(weights);
  await identityOf(settings);
  expect((await readFile(weights)).equals(before)).toBe(true);
});
