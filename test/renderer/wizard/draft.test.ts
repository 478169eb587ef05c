import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { criterionIds } from '../../../main/engine/criteria/index.ts';
import { aggregationNames } from '../../../main/engine/prune/aggregate.ts';
import { usualCriterion } from '../../../main/studio/prune-recipe.ts';
import { defaultRecipe, readRecipe } from '../../../main/studio/recipe.ts';
import type { ModelSummary, PruneSettings, RunSettings } from '../../../preload/contract.ts';
import { runSettingsSchema } from '../../../preload/run-contract.ts';
import { publishedRecovery } from '../../../renderer/recovery/presets.ts';
import {
  aggregations,
  criteria,
  draftReducer,
  emptyDraft,
  missingFor,
  runSettingsOf,
  type Draft,
  type DraftAction,
} from '../../../renderer/wizard/draft.ts';

const model = (id: string, layers: number): ModelSummary => ({
  model: { id, name: id, path: `/models/${id}` },
  family: 'llama',
  hasWeights: true,
  weightFormat: 'safetensors',
  hasTokenizer: true,
  costs: { parameters: 1, macs: 1, weightBytes: 1, memoryBytes: 1 },
  hiddenSize: 8,
  headDim: 4,
  vocabSize: 16,
  tiedEmbeddings: false,
  layers: Array.from({ length: layers }, () => ({ heads: 2, kvHeads: 2, mlpWidth: 16 })),
  defaultWindow: [1, layers - 1],
  defaultCriterion: 'taylor-element1',
  takesTasks: true,
  adapterTargets: ['q_proj', 'v_proj'],
});

const after = (...actions: readonly DraftAction[]): Draft => actions.reduce(draftReducer, emptyDraft);
const text = { id: 'text', name: 'a.txt', path: '/a.txt' };
const chosen: DraftAction = { type: 'model-chosen', model: model('a', 8) };

describe('the draft of a run', () => {
  it('begins with the defaults of a recipe', () => {
    const { prune, calibration, evaluate } = defaultRecipe();
    expect(emptyDraft.prune).toMatchObject({
      criterion: usualCriterion,
      aggregation: prune.aggregation,
      ratio: prune.ratio,
      gqaFold: prune.gqaFold,
      seed: prune.seed,
    });
    expect(emptyDraft.calibration).toEqual({
      samples: calibration.samples,
      seqLen: calibration.seqLen,
      seed: calibration.seed,
    });
    expect(emptyDraft.evaluation).toEqual({ seqLen: evaluate.seqLen, samples: evaluate.samples });
  });

  it('offers every criterion and aggregation of the engine', () => {
    expect([...criteria].sort()).toEqual([...criterionIds].sort());
    expect([...aggregations].sort()).toEqual([...aggregationNames].sort());
  });

  it('takes the criterion that suits the model, unless another was chosen', () => {
    const glm = { ...model('glm', 8), family: 'chatglm', defaultCriterion: 'taylor-vector' as const };
    const chosenGlm: DraftAction = { type: 'model-chosen', model: glm };
    expect(after(chosen, chosenGlm).prune.criterion).toBe('taylor-vector');
    expect(after(chosenGlm, chosen).prune.criterion).toBe('taylor-element1');
    const own: DraftAction = { type: 'prune-changed', change: { criterion: 'magnitude-l2' } };
    expect(after(chosen, own, chosenGlm).prune.criterion).toBe('magnitude-l2');
  });

  it('takes the prompt template that suits the model, unless another was chosen', () => {
    const vicuna: DraftAction = { type: 'model-chosen', model: model('vicuna-7b', 8) };
    expect(after(vicuna).recovery.template).toBe('vicuna');
    expect(after(vicuna, chosen).recovery.template).toBe('alpaca');
    const own: DraftAction = { type: 'recovery-template-chosen', template: 'plain', file: null };
    expect(after(chosen, own, vicuna).recovery.template).toBe('plain');
  });

  it('asks no tasks of a model that takes none', () => {
    const tasks = { names: ['piqa'], fewShot: 0, bos: false, limit: null };
    const asked: DraftAction = { type: 'tasks-changed', tasks };
    const glm: DraftAction = { type: 'model-chosen', model: { ...model('glm', 8), takesTasks: false } };
    expect(after(chosen, asked, glm).tasks).toBeNull();
    expect(after(glm, asked, chosen).tasks).toEqual(tasks);
  });

  it('takes the window that scales with a new model, and keeps the rest', () => {
    const draft = after(
      chosen,
      { type: 'prune-changed', change: { ratio: 0.4, layers: { attention: [0, 2], mlp: [0, 3] } } },
      { type: 'calibration-text-chosen', text },
      { type: 'model-chosen', model: model('b', 12) },
    );
    expect(draft.prune).toMatchObject({ ratio: 0.4, layers: { attention: [1, 11], mlp: [1, 11] } });
    expect(draft.calibrationText).toEqual(text);
  });

  it('keeps windows when the same model is chosen again', () => {
    const layers: PruneSettings['layers'] = { attention: [0, 2], mlp: [0, 3] };
    const draft = after(chosen, { type: 'prune-changed', change: { layers } }, chosen);
    expect(draft.prune.layers).toEqual(layers);
  });

  it('brings the demo texts with the demo model, but no ratio over one that was set', () => {
    const demo: DraftAction = {
      type: 'demo-chosen',
      model: model('demo', 8),
      calibration: text,
      evaluation: text,
      recovery: text,
    };
    expect(after(demo)).toMatchObject({
      calibrationText: text,
      evaluationText: text,
      recoveryText: text,
      recovers: false,
      recoveryPreset: 'demo',
      prune: { ratio: 0.3 },
    });
    expect(after({ type: 'prune-changed', change: { ratio: 0.5 } }, demo).prune.ratio).toBe(0.5);
  });

  it('prunes the demo as its recipe does', async () => {
    const recipe = await readRecipe('resources/demo/recipe.yaml', [], path.resolve('.'));
    const { prune, calibration, evaluation } = after({
      type: 'demo-chosen',
      model: model('demo', 8),
      calibration: text,
      evaluation: text,
      recovery: text,
    });
    expect(recipe.calibration).toMatchObject(calibration);
    expect(recipe.evaluate).toMatchObject(evaluation);
    expect({ ...recipe.prune, layers: prune.layers }).toMatchObject(prune);
  });

  it('is no longer its run once it is changed', () => {
    const started = after(chosen, { type: 'started', runId: 'r1' });
    expect(started.runId).toBe('r1');
    expect(draftReducer(started, { type: 'prune-changed', change: { seed: 7 } }).runId).toBeNull();
    expect(draftReducer(started, { type: 'restarted' })).toEqual(emptyDraft);
  });

  describe('with a plan for single layers', () => {
    const edits = {
      exclude: { attention: [2], mlp: [] },
      ratios: { attention: {}, mlp: {} },
      keep: { heads: {} },
    };
    const planned = after(chosen, {
      type: 'prune-changed',
      change: { edits, target: { percent: 80 }, mode: 'block', round: 8 },
    });

    it('asks for it', () => {
      const { prune } = runSettingsOf(planned);
      expect(prune).toMatchObject({ edits, target: { percent: 80 }, round: 8 });
      expect(runSettingsSchema.parse(runSettingsOf(planned)).prune).toEqual(prune);
    });

    it('keeps what has a meaning for another model', () => {
      const { prune } = draftReducer(planned, { type: 'model-chosen', model: model('b', 4) });
      expect([prune.edits, prune.target]).toEqual([undefined, undefined]);
      expect(prune.round).toBe(8);
      const again = draftReducer(planned, { type: 'model-chosen', model: model('a', 8) });
      expect(again.prune).toEqual(planned.prune);
    });
  });

  it('needs calibration data where layers are judged by their influence, and none where the last go', () => {
    const layers = (drop: 'last' | 'least-influence'): Draft =>
      after(chosen, { type: 'prune-changed', change: { mode: 'layer', drop, criterion: 'random' } });
    expect(missingFor(layers('least-influence'))).toBe('calibration');
    expect(missingFor(layers('last'))).toBeNull();
  });

  it('keeps a plan that is tried on a run beside it', () => {
    const tried = { runId: 'r1', prune: { ...emptyDraft.prune, ratio: 0.5 } };
    const trying = after(chosen, { type: 'plan-tried', tried });
    expect(trying.tried).toEqual(tried);
    expect(trying.prune.ratio).toBe(emptyDraft.prune.ratio);
    expect(draftReducer(trying, { type: 'restarted' }).tried).toEqual(tried);
  });

  describe('that a run was made from', () => {
    const settings: Omit<RunSettings, 'modelId'> = {
      prune: { ...emptyDraft.prune, ratio: 0.4, layers: { attention: [0, 3], mlp: [1, 4] } },
      calibration: { sourceId: 'text', samples: 5, seqLen: 32, seed: 1 },
      evaluate: { textId: null, seqLen: 16, samples: 3, tasks: null, cost: null },
      recover: {
        ...publishedRecovery,
        dataId: 'text',
        lora: { ...publishedRecovery.lora, targets: ['q_proj'] },
        steps: 7,
      },
    };
    const opened = (runId: string | null): DraftAction => ({
      type: 'run-opened',
      model: model('b', 4),
      setup: {
        settings,
        texts: {
          calibration: text,
          evaluation: null,
          moreEvaluation: [],
          recovery: text,
          template: null,
          tasks: null,
        },
      },
      runId,
      scoresOf: 'r1',
    });

    it('is that of the run, to the last setting', () => {
      const draft = after(opened('r1'));
      expect(draft.runId).toBe('r1');
      expect(draft.scoresOf).toBe('r1');
      expect(runSettingsOf(draft)).toEqual({ modelId: 'b', ...settings });
      expect(after(opened(null)).runId).toBeNull();
    });

    it('has adapters beside all weights where the run names them one by one', () => {
      const all = { ...publishedRecovery, dataId: 'text', control: true };
      const recover = { ...all, lora: { ...all.lora, targets: ['v_proj', 'q_proj'] } };
      const action = opened(null) as Extract<DraftAction, { type: 'run-opened' }>;
      const draft = after({ ...action, setup: { ...action.setup, settings: { ...settings, recover } } });
      expect(draft.recovery.lora.targets).toBe('all-linear');
      expect(runSettingsOf(draft).recover).toEqual(all);
    });

    it('gives way to what was being set up, with the next new run', () => {
      const begun = after(chosen, { type: 'prune-changed', change: { ratio: 0.1 } });
      const looked = [opened('r1'), opened('r2')].reduce(draftReducer, begun);
      expect(draftReducer(looked, { type: 'restarted' })).toEqual(begun);
      const started = after(chosen, { type: 'started', runId: 'r0' }, opened('r1'));
      expect(draftReducer(started, { type: 'restarted' })).toEqual(emptyDraft);
    });
  });

  it('says what it still needs', () => {
    expect(missingFor(emptyDraft)).toBe('model');
    expect(
      missingFor(
        after({ type: 'model-chosen', model: { ...model('a', 8), hasWeights: false, weightFormat: null } }),
      ),
    ).toBe('weights');
    expect(missingFor(after(chosen))).toBe('calibration');
    expect(
      missingFor(after(chosen, { type: 'prune-changed', change: { criterion: 'magnitude-l2' } })),
    ).toBeNull();
    expect(missingFor(after(chosen, { type: 'calibration-text-chosen', text }))).toBeNull();
  });

  it('recovers only when that is switched on, and then needs data', () => {
    const ready = [chosen, { type: 'calibration-text-chosen', text }] as const;
    expect(runSettingsOf(after(...ready)).recover).toBeNull();
    const on = after(...ready, { type: 'recovery-switched', isOn: true });
    expect(missingFor(on)).toBe('recovery');
    const full = draftReducer(on, { type: 'recovery-text-chosen', text });
    expect(missingFor(full)).toBeNull();
    expect(runSettingsSchema.parse(runSettingsOf(full)).recover).toMatchObject({ dataId: 'text', epochs: 2 });
  });

  it('is of a preset until a setting of it is changed', () => {
    const preset: DraftAction = {
      type: 'recovery-preset-chosen',
      preset: 'quick',
      recovery: { ...publishedRecovery, steps: 50 },
    };
    const change = (part: Partial<Draft['recovery']>): DraftAction => ({
      type: 'recovery-changed',
      change: part,
    });
    expect(after(chosen, preset, change({ output: 'adapter' })).recoveryPreset).toBe('quick');
    expect(after(chosen, preset, change({ steps: 40 })).recoveryPreset).toBeNull();
  });

  it('becomes a request that the contract accepts', () => {
    const draft = after(chosen, { type: 'calibration-text-chosen', text });
    expect(runSettingsSchema.parse(runSettingsOf(draft))).toMatchObject({
      modelId: 'a',
      calibration: { sourceId: 'text', samples: null },
      evaluate: { textId: null },
    });
    expect(() => runSettingsOf(emptyDraft)).toThrow(RangeError);
  });
});
