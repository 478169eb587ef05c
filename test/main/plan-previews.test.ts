import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { runFiles } from '../../main/engine/run.ts';
import { writeHiddenScores, writeScores } from '../../main/engine/run-scores.ts';
import { FileGrants } from '../../main/studio/grants.ts';
import { ModelLibrary } from '../../main/studio/model-library.ts';
import { PlanPreviews } from '../../main/studio/plan-previews.ts';
import { prepareRunOf } from '../../main/studio/preview-plan.ts';
import { checkRecipe } from '../../main/studio/recipe.ts';
import { RunChoices } from '../../main/studio/run-choices.ts';
import { RunLibrary, type KeptRun } from '../../main/studio/run-library.ts';
import type { PruneRequest } from '../../main/studio/run-request.ts';
import { inspectModel } from '../../main/studio/inspect-model.ts';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';
import { writeRandomModel } from '../fixtures/random-model.ts';

const prune: PruneRequest = {
  criterion: 'magnitude-l2',
  aggregation: 'sum',
  ratio: 0.5,
  gqaFold: 'correct',
  layers: { attention: [0, 2], mlp: [0, 2] },
  seed: 42,
};

/** Heads and channels of the made model, scored so that the higher index counts more. */
const [headCount, channelCount] = [4, 32];
const rising = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

let previews: PlanPreviews;
let modelId: string;
let run: KeptRun;
let runs: RunLibrary;
let model: string;

const makeRun = async (planned: PruneRequest): Promise<KeptRun> => {
  const recipe = checkRecipe({ model, prune: planned }, 'test');
  const made = await runs.make(prepareRunOf(await inspectModel(model), recipe), recipe, 'tiny', null);
  await mkdir(path.join(made.stored.folder, 'scores'));
  return made;
};

const score = async (layer: number): Promise<void> =>
  writeScores(run.stored.folder, { layer, heads: rising(headCount), channels: rising(channelCount) });

beforeEach(async () => {
  const folder = temporaryFolder();
  model = path.join(folder, 'model');
  await writeRandomModel(model, { num_attention_heads: 4, num_key_value_heads: 4, intermediate_size: 32 });
  runs = new RunLibrary(path.join(folder, 'runs'), () => undefined);
  run = await makeRun(prune);
  const grants = new FileGrants();
  const recent = path.join(folder, 'recent.json');
  const models = await ModelLibrary.open(grants, path.join(folder, 'demo'), recent, () => undefined);
  modelId = models.grant(model).id;
  previews = new PlanPreviews(models, runs, new RunChoices());
});

describe('a plan on the scores of a run', () => {
  it('takes what the run would take, with the highest score that goes', async () => {
    await score(0);
    await score(1);
    const { picks, layers } = await previews.preview(modelId, prune, run.id);
    expect(layers[0].after).toMatchObject({ kvHeads: 2, mlpWidth: 16 });
    expect(picks?.layers.slice(0, 2)).toEqual([
      { kvHeads: [2, 3], channelThreshold: 16 },
      { kvHeads: [2, 3], channelThreshold: 16 },
    ]);
  });

  it('tells nothing of layers that have no scores yet', async () => {
    await score(1);
    const { picks } = await previews.preview(modelId, prune, run.id);
    expect(picks?.layers[0]).toBeNull();
    expect(picks?.layers[1]).toEqual({ kvHeads: [2, 3], channelThreshold: 16 });
  });

  it('takes nothing by scores of another kind, and none by those that are not there', async () => {
    expect((await previews.preview(modelId, prune, run.id)).picks).toBeNull();
    await score(0);
    await score(1);
    expect((await previews.preview(modelId, prune, null)).picks).toBeNull();
    expect((await previews.preview(modelId, prune, 'a-run-that-is-gone')).picks).toBeNull();
    const other = { ...prune, criterion: 'magnitude-l1' };
    expect((await previews.preview(modelId, other, run.id)).picks).toBeNull();
    const steps = { ...prune, steps: 2 };
    expect((await previews.preview(modelId, steps, run.id)).picks).toBeNull();
  });

  it('follows another ratio, and other windows, on the same scores', async () => {
    await score(0);
    await score(1);
    const more = await previews.preview(modelId, { ...prune, ratio: 0.75 }, run.id);
    expect(more.picks?.layers[0]).toEqual({ kvHeads: [3], channelThreshold: 24 });
    const layers = { attention: [1, 2], mlp: [0, 0] } as const;
    const less = await previews.preview(modelId, { ...prune, layers: { ...layers } as never }, run.id);
    expect(less.picks?.layers[0]).toEqual({ kvHeads: [0, 1, 2, 3], channelThreshold: null });
    expect(less.picks?.layers[1]).toEqual({ kvHeads: [2, 3], channelThreshold: null });
  });

  it('heeds edits: pinned heads stay, what is left whole loses nothing', async () => {
    await score(0);
    await score(1);
    const edits = {
      exclude: { attention: [], mlp: [1] },
      ratios: { attention: {}, mlp: { 0: 0.25 } },
      keep: { heads: { 0: [0] } },
    };
    const { picks } = await previews.preview(modelId, { ...prune, edits }, run.id);
    expect(picks?.layers.slice(0, 2)).toEqual([
      { kvHeads: [0, 3], channelThreshold: 8 },
      { kvHeads: [2, 3], channelThreshold: null },
    ]);
  });

  it('spreads what goes over layers as their scores say, under a global scope', async () => {
    await score(0);
    const global = { ...prune, scope: 'global' as const };
    // The other layer's scores may change what this one gives up.
    expect((await previews.preview(modelId, global, run.id)).picks).toBeNull();
    await writeScores(run.stored.folder, {
      layer: 1,
      heads: rising(headCount).map((value) => 100 * value),
      channels: rising(channelCount).map((value) => 100 * value),
    });
    const waiting = await previews.preview(modelId, global, null);
    expect(waiting.awaitsScores).toBe(true);
    const { picks, layers, after } = await previews.preview(modelId, global, run.id);
    expect(layers[0].after.mlpWidth).toBeLessThan(layers[1].after.mlpWidth);
    expect(picks?.layers[1]?.kvHeads).toHaveLength(layers[1].after.kvHeads);
    // Not one channel more would have had room.
    expect(after.parameters).toBeLessThanOrEqual(waiting.after.parameters + 3 * 32);
  });

  it('tells which score of hidden indices is the highest that goes', async () => {
    const byHidden: PruneRequest = { ...prune, mode: 'channel' };
    const { folder } = (run = await makeRun(byHidden)).stored;
    const { hiddenSize } = (await inspectModel(model)).config;
    await writeHiddenScores(folder, { part: 'network', members: 1, hidden: rising(hiddenSize) });
    expect((await previews.preview(modelId, byHidden, run.id)).picks).toBeNull();
    await writeFile(path.join(folder, runFiles.plan), JSON.stringify({ hidden: [0], layers: [] }));
    const half = await previews.preview(modelId, byHidden, run.id);
    expect(half.picks?.hiddenThreshold).toBe(hiddenSize / 2);
    const quarter = await previews.preview(modelId, { ...byHidden, ratio: 0.25 }, run.id);
    expect(quarter.picks?.hiddenThreshold).toBe(hiddenSize / 4);
    expect((await previews.preview(modelId, prune, run.id)).picks).toBeNull();
  });
});
