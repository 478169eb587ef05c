import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RunSettings } from '../../main/engine/run.ts';
import { describeModel } from '../../main/engine/runtime/model.ts';
import { checkRecipe, formatRecipe, readRecipe, type Recipe } from '../../main/studio/recipe.ts';
import { resolvedRecipe, resolveRecipe } from '../../main/studio/resolve-recipe.ts';
import { identityOf } from '../../main/studio/run-identity.ts';
import { createRun } from '../../main/studio/run-store.ts';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';
import { goldenModelFolder } from '../fixtures/golden-files.ts';

const model = goldenModelFolder('gqa');
const recipeWith = (recover: object, more: object = {}): Recipe =>
  checkRecipe({ model, recover: { data: '/data.json', ...recover }, ...more }, 'test');
const resolved = async (recipe: Recipe): Promise<RunSettings> =>
  resolveRecipe(recipe, await describeModel(recipe.model), 1e6);

describe('the key recover', () => {
  it('has the published defaults', () => {
    expect(recipeWith({}).recover).toEqual({
      data: '/data.json',
      template: 'alpaca',
      cutoff: 256,
      maxRows: null,
      trainOnInputs: false,
      lora: { rank: 8, alpha: 16, dropout: 0.05, targets: 'all-linear' },
      epochs: 2,
      steps: null,
      batchSize: 64,
      microBatch: null,
      learningRate: 1e-4,
      schedule: 'linear',
      warmupSteps: 100,
      weightDecay: 0,
      maxGradNorm: 1,
      seed: 42,
      validation: { rows: null, everySteps: 100, patience: null },
      checkpoint: { everySteps: 100, everyMinutes: 10 },
      base: 'stored',
      output: 'merged',
      control: false,
    });
  });

  it('is not written where it is not asked for', async () => {
    const recipe = checkRecipe({ model }, 'test');
    const settings = await resolved(recipe);
    expect(Object.keys(settings)).not.toContain('recover');
    expect(formatRecipe(resolvedRecipe(recipe, settings))).not.toMatch(/^recover/m);
  });

  it('reads back as it was written, with every choice made', async () => {
    const recipe = recipeWith({ lora: { rank: 4 } });
    const settings = await resolved(recipe);
    const folder = temporaryFolder();
    const file = path.join(folder, 'recipe.yaml');
    await writeFile(file, formatRecipe(resolvedRecipe(recipe, settings)));
    const again = await readRecipe(file, [], folder);
    expect(again.recover).toMatchObject({
      microBatch: 8,
      lora: { rank: 4, targets: expect.any(Array) as unknown },
    });
    expect((await resolved(again)).recover).toEqual(settings.recover);
  });

  it('takes paths from its own folder, and a bundled template by its name', async () => {
    const folder = temporaryFolder();
    const file = path.join(folder, 'recipe.yaml');
    await writeFile(file, 'model: m\nrecover: {data: rows.json, template: mine.json}\n');
    expect((await readRecipe(file, [], '/')).recover).toMatchObject({
      data: path.join(folder, 'rows.json'),
      template: path.join(folder, 'mine.json'),
    });
    expect((await readRecipe(file, ['recover.template=vicuna'], '/')).recover?.template).toBe('vicuna');
  });

  it.each([
    [{ data: 5 }, 'recover.data: expected the path of a file to train on'],
    [{ learningRate: 0 }, 'recover.learningRate: Too small'],
    [{ lora: { dropout: 1 } }, 'recover.lora.dropout: Too big'],
    [{ schedule: 'steps' }, 'recover.schedule: Invalid option'],
    [{ rate: 1 }, 'recover: Unrecognized key: "rate"'],
  ])('says what is wrong with %o', (recover, sentence) => {
    expect(() => recipeWith(recover)).toThrow(sentence);
  });
});

describe('resolving', () => {
  it('makes the micro-batch as large as the memory allows, and no larger than a step', async () => {
    const microBatch = async (memory: number | string, recover: object = {}): Promise<number | undefined> =>
      (await resolved(recipeWith(recover, { memory }))).recover?.training.microBatch;
    expect(await microBatch('8GiB')).toBe(8); // 2048 tokens of 256
    expect(await microBatch('8GiB', { cutoff: 32 })).toBe(64);
    expect(await microBatch('8GiB', { cutoff: 32, batchSize: 16 })).toBe(16);
    expect(await microBatch('16MiB')).toBeLessThan(8);
    expect(await microBatch(1)).toBe(1);
    expect(await microBatch(1, { microBatch: 3 })).toBe(3);
  });

  it('prunes no layer where the model is recovered alone', async () => {
    const settings = await resolved(recipeWith({}, { prune: { mode: 'none' } }));
    expect(settings.prune.windows).toEqual({ attention: [0, 0], mlp: [0, 0] });
    expect(settings.recover?.alone).toBe(true);
    expect((await resolved(recipeWith({}))).recover?.alone).toBe(false);
  });
});

describe('a recipe that cannot be meant is refused', () => {
  it.each([
    [checkRecipe({ model, prune: { mode: 'none' } }, 'test'), 'The recipe asks for nothing'],
    [recipeWith({ control: true }, { prune: { mode: 'none' } }), 'recover.control trains the unpruned model'],
  ])('%#', async (recipe, sentence) => {
    await expect(resolved(recipe)).rejects.toThrow(sentence);
  });
});

describe('identity', () => {
  async function made(): Promise<{ settings: RunSettings; data: string; template: string }> {
    const folder = temporaryFolder();
    const [data, template] = [path.join(folder, 'rows.jsonl'), path.join(folder, 'template.json')];
    await writeFile(data, '{"text":"a"}\n');
    await writeFile(template, '{}');
    return { settings: await resolved(recipeWith({ data, template })), data, template };
  }
  const hashOf = async (settings: RunSettings): Promise<string> => (await identityOf(settings)).hash;

  it('is the same for the same data and template at another path', async () => {
    expect(await hashOf((await made()).settings)).toBe(await hashOf((await made()).settings));
  });

  it('is another for other data, another template, another setting', async () => {
    const { settings, data, template } = await made();
    const first = await hashOf(settings);
    const { recover } = settings;
    if (!recover) throw new Error('It recovers.');
    const changed = { ...settings, recover: { ...recover, lora: { ...recover.lora, rank: 9 } } };
    const bundled = await hashOf({ ...settings, recover: { ...recover, template: 'alpaca' } });
    const other = await hashOf({ ...settings, recover: { ...recover, template: 'vicuna' } });
    await writeFile(data, '{"text":"b"}\n');
    const ofData = await hashOf(settings);
    await writeFile(template, '{ }');
    const ofTemplate = await hashOf(settings);
    expect(new Set([first, await hashOf(changed), bundled, other, ofData, ofTemplate]).size).toBe(6);
  });

  it('is kept with the settings in a run’s folder', async () => {
    const { settings, data } = await made();
    const recipe = recipeWith({ data });
    const stored = await createRun(
      path.join(temporaryFolder(), 'run'),
      recipe,
      settings,
      await identityOf(settings),
    );
    expect(stored.settings).toEqual(settings);
  });
});
