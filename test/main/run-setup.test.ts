import { appendFile, rename, rm, utimes } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { FileGrants } from '../../main/studio/grants.ts';
import { inspectModel } from '../../main/studio/inspect-model.ts';
import { ModelLibrary } from '../../main/studio/model-library.ts';
import { prepareRunOf } from '../../main/studio/preview-plan.ts';
import { checkRecipe } from '../../main/studio/recipe.ts';
import { RunLibrary, type KeptRun } from '../../main/studio/run-library.ts';
import { setupOf, type RunSetup } from '../../main/studio/run-setup.ts';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';
import { randomRows, writeRandomModel, writeRows } from '../fixtures/random-model.ts';

let model: string;
let rows: string;
let run: KeptRun;
let grants: FileGrants;
let setup: () => Promise<RunSetup>;

beforeEach(async () => {
  const folder = temporaryFolder();
  model = path.join(folder, 'model');
  await writeRandomModel(model);
  rows = await writeRows(path.join(folder, 'rows.jsonl'), randomRows(2, 16));
  const more = await writeRows(path.join(folder, 'more.jsonl'), randomRows(2, 16));
  const recipe = checkRecipe(
    {
      model,
      prune: {
        ratio: 0.4,
        aggregation: 'second',
        layers: { attention: [0, 2], mlp: [1, 3] },
        seed: 7,
        steps: 3,
      },
      calibration: { source: rows, samples: 2, seqLen: 16, seed: 9 },
      evaluate: { text: [rows, more], seqLen: 8, samples: 1 },
    },
    'test',
  );
  const library = new RunLibrary(path.join(folder, 'runs'), () => undefined);
  run = await library.make(prepareRunOf(await inspectModel(model), recipe), recipe, 'tiny', null);
  grants = new FileGrants();
  const recent = path.join(folder, 'recent.json');
  const models = await ModelLibrary.open(grants, path.join(folder, 'demo'), recent, () => undefined);
  setup = () => setupOf(run, grants, models);
});

describe('the setup of a run', () => {
  it('is what it was asked for, with grants for what it was made from', async () => {
    const { modelId, settings, texts } = await setup();
    expect(grants.pathOf(modelId ?? '', 'folder')).toBe(model);
    expect(texts.calibration).toMatchObject({ name: 'rows.jsonl', path: rows });
    const textId = texts.calibration?.id ?? null;
    const [more] = texts.moreEvaluation;
    expect(more).toMatchObject({ name: 'more.jsonl' });
    expect(settings).toEqual({
      prune: {
        criterion: 'taylor-element1',
        aggregation: 'second',
        ratio: 0.4,
        gqaFold: 'correct',
        layers: { attention: [0, 2], mlp: [1, 3] },
        seed: 7,
        steps: 3,
      },
      calibration: { sourceId: textId, samples: 2, seqLen: 16, seed: 9 },
      evaluate: { textId, moreTextIds: [more?.id], seqLen: 8, samples: 1, tasks: null, cost: null },
      recover: null,
    });
  });

  it('grants no text that is gone', async () => {
    await rm(rows);
    const { modelId, settings, texts } = await setup();
    expect(modelId).not.toBeNull();
    expect(texts).toMatchObject({
      calibration: null,
      evaluation: null,
      moreEvaluation: [{ name: 'more.jsonl' }],
      recovery: null,
      template: null,
      tasks: null,
    });
    expect([settings.calibration.sourceId, settings.evaluate.textId]).toEqual([null, null]);
  });
});

describe('the model of a run is not granted', () => {
  const weights = (): string => path.join(model, 'model.safetensors');

  it('once its folder is gone', async () => {
    await rename(model, `${model}-elsewhere`);
    expect((await setup()).modelId).toBeNull();
  });

  it('once a file of it was written to', async () => {
    await appendFile(weights(), ' ');
    const later = new Date(Date.parse(run.createdAt) + 5000);
    await utimes(weights(), later, later);
    expect((await setup()).modelId).toBeNull();
  });

  it('once another model lies there, however old its files are', async () => {
    await rm(model, { recursive: true });
    await writeRandomModel(model, { intermediate_size: 64 });
    for (const file of ['config.json', 'model.safetensors']) await utimes(path.join(model, file), 1, 1);
    expect((await setup()).modelId).toBeNull();
  });
});
