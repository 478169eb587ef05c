import type {
  CalibrationSettings,
  EvaluationSettings,
  ModelSummary,
  Picked,
  PruneSettings,
  RunDetail,
  RunSettings,
  TasksSettings,
} from '../../preload/contract.ts';
import type { RecoverSettings } from '../../preload/recovery-contract.ts';
import { templateFor } from './families.ts';
import { askedPlan, readsCalibration } from '../plan/plan-modes.ts';
import {
  demoRecovery,
  keepsPreset,
  publishedRecovery,
  type PresetName,
  type RecoveryDraft,
} from '../recovery/presets.ts';

export type Criterion = PruneSettings['criterion'];
export type Aggregation = PruneSettings['aggregation'];

export const criteria: readonly Criterion[] = [
  'taylor-element1',
  'taylor-element2',
  'taylor-mixed',
  'taylor-vector',
  'magnitude-l2',
  'magnitude-l1',
  'random',
];
export const aggregations: readonly Aggregation[] = ['sum', 'mean', 'max', 'prod', 'first', 'second', 'last'];

/** What a person has decided so far about the next run; kept whole while they move between the steps. */
export interface Draft {
  readonly model: ModelSummary | null;
  readonly prune: PruneSettings;
  /** A run of the same model: its scores tell which structures the plan takes. */
  readonly scoresOf: string | null;
  readonly calibrationText: Picked | null;
  readonly calibration: Omit<CalibrationSettings, 'sourceId'>;
  readonly evaluationText: Picked | null;
  /** Further texts, each measured like the first. */
  readonly moreEvaluationTexts: readonly Picked[];
  readonly evaluation: Pick<EvaluationSettings, 'seqLen' | 'samples'>;
  /** What is asked in words; null for nothing. */
  readonly tasks: Omit<TasksSettings, 'dataId'> | null;
  /** Where the tasks' data lie. */
  readonly taskData: Picked | null;
  /** How original and pruned model are timed beside each other; null: not. */
  readonly cost: NonNullable<EvaluationSettings['cost']> | null;
  readonly recovers: boolean;
  readonly recoveryText: Picked | null;
  readonly recovery: RecoveryDraft;
  /** A prompt template of one's own, whether the recovery has it now or not. */
  readonly recoveryTemplate: Picked | null;
  /** Where its settings come from; null for a person's own. */
  readonly recoveryPreset: PresetName | 'demo' | null;
  readonly isDemo: boolean;
  /** The run this draft became. */
  readonly runId: string | null;
  /** A plan that is tried on the scores of a run, beside the draft. */
  readonly tried: { readonly runId: string; readonly prune: PruneSettings } | null;
  /** What was being set up when the settings of a run took its place: the next new run goes on with it. */
  readonly aside: Draft | null;
}

/** The recipe's own defaults. */
export const emptyDraft: Draft = {
  model: null,
  prune: {
    criterion: 'taylor-element1',
    aggregation: 'sum',
    ratio: 0.25,
    gqaFold: 'correct',
    layers: { attention: [0, 0], mlp: [0, 0] },
    seed: 42,
  },
  scoresOf: null,
  calibrationText: null,
  calibration: { samples: null, seqLen: 64, seed: 42 },
  evaluationText: null,
  moreEvaluationTexts: [],
  evaluation: { seqLen: 128, samples: null },
  tasks: null,
  taskData: null,
  cost: null,
  recovers: false,
  recoveryText: null,
  recovery: publishedRecovery,
  recoveryTemplate: null,
  recoveryPreset: null,
  isDemo: false,
  runId: null,
  tried: null,
  aside: null,
};

export type DraftAction =
  | { readonly type: 'model-chosen'; readonly model: ModelSummary }
  | {
      readonly type: 'demo-chosen';
      readonly model: ModelSummary;
      readonly calibration: Picked;
      readonly evaluation: Picked;
      readonly recovery: Picked;
    }
  | { readonly type: 'prune-changed'; readonly change: Partial<PruneSettings> }
  | { readonly type: 'plan-tried'; readonly tried: Draft['tried'] }
  | { readonly type: 'calibration-text-chosen'; readonly text: Picked | null }
  | { readonly type: 'calibration-changed'; readonly change: Partial<Draft['calibration']> }
  | { readonly type: 'evaluation-text-chosen'; readonly text: Picked | null }
  | { readonly type: 'further-evaluation-text-removed'; readonly id: string }
  | { readonly type: 'evaluation-changed'; readonly change: Partial<Draft['evaluation']> }
  | { readonly type: 'tasks-changed'; readonly tasks: Draft['tasks'] }
  | { readonly type: 'task-data-chosen'; readonly folder: Picked | null }
  | { readonly type: 'cost-changed'; readonly cost: Draft['cost'] }
  | { readonly type: 'recovery-switched'; readonly isOn: boolean }
  | { readonly type: 'recovery-text-chosen'; readonly text: Picked | null }
  | { readonly type: 'recovery-changed'; readonly change: Partial<RecoveryDraft> }
  | {
      readonly type: 'recovery-template-chosen';
      /** A bundled one's name, or the id of `file`. */
      readonly template: string;
      readonly file: Picked | null;
    }
  | {
      readonly type: 'recovery-preset-chosen';
      readonly preset: PresetName | 'demo';
      readonly recovery: RecoveryDraft;
    }
  | {
      readonly type: 'run-opened';
      readonly model: ModelSummary;
      readonly setup: Pick<RunDetail, 'settings' | 'texts'>;
      /** The run itself, or null for a new one with its settings. */
      readonly runId: string | null;
      /** A run whose scores show what the plan takes. */
      readonly scoresOf: string;
    }
  | { readonly type: 'started'; readonly runId: string }
  | { readonly type: 'restarted' };

/** Another model takes over everything but what is counted in its own layers and weights. */
export function draftReducer(draft: Draft, action: DraftAction): Draft {
  switch (action.type) {
    case 'model-chosen':
      return { ...withModel(draft, action.model), isDemo: false };
    case 'demo-chosen':
      return {
        ...withDemoRatio(withModel(draft, action.model)),
        calibrationText: action.calibration,
        calibration: demoCalibration,
        evaluationText: action.evaluation,
        moreEvaluationTexts: [],
        evaluation: emptyDraft.evaluation,
        recoveryText: action.recovery,
        recovery: demoRecovery,
        recoveryPreset: 'demo',
        isDemo: true,
      };
    case 'prune-changed':
      return edited(draft, { prune: { ...draft.prune, ...action.change } });
    case 'plan-tried':
      return { ...draft, tried: action.tried };
    case 'calibration-text-chosen':
      return edited(draft, { calibrationText: action.text });
    case 'calibration-changed':
      return edited(draft, { calibration: { ...draft.calibration, ...action.change } });
    case 'evaluation-text-chosen':
      return edited(draft, { evaluationText: action.text });
    case 'further-evaluation-text-removed':
      return edited(draft, {
        moreEvaluationTexts: draft.moreEvaluationTexts.filter(({ id }) => id !== action.id),
      });
    case 'evaluation-changed':
      return edited(draft, { evaluation: { ...draft.evaluation, ...action.change } });
    case 'tasks-changed':
      return edited(draft, { tasks: action.tasks });
    case 'task-data-chosen':
      return edited(draft, { taskData: action.folder });
    case 'cost-changed':
      return edited(draft, { cost: action.cost });
    case 'recovery-switched':
      return edited(draft, { recovers: action.isOn });
    case 'recovery-text-chosen':
      return edited(draft, { recoveryText: action.text });
    case 'recovery-changed':
      return edited(draft, {
        recovery: { ...draft.recovery, ...action.change },
        recoveryPreset: keepsPreset(action.change) ? draft.recoveryPreset : null,
      });
    case 'recovery-template-chosen':
      return edited(draft, {
        recovery: { ...draft.recovery, template: action.template },
        recoveryTemplate: action.file,
      });
    case 'recovery-preset-chosen':
      return edited(draft, { recovery: action.recovery, recoveryPreset: action.preset });
    case 'started':
      return { ...draft, runId: action.runId };
    case 'run-opened':
      return {
        ...draftOf(action.model, action.setup),
        runId: action.runId,
        scoresOf: action.scoresOf,
        tried: draft.tried,
        aside: unfinished(draft),
      };
    case 'restarted':
      return { ...(draft.aside ?? emptyDraft), tried: draft.tried };
  }
}

function draftOf(model: ModelSummary, { settings, texts }: Pick<RunDetail, 'settings' | 'texts'>): Draft {
  const { samples, seqLen, seed } = settings.calibration;
  return {
    ...emptyDraft,
    model,
    prune: settings.prune,
    calibrationText: texts.calibration,
    calibration: { samples, seqLen, seed },
    evaluationText: texts.evaluation,
    moreEvaluationTexts: texts.moreEvaluation,
    evaluation: { seqLen: settings.evaluate.seqLen, samples: settings.evaluate.samples },
    tasks: tasksOf(settings.evaluate),
    taskData: texts.tasks,
    cost: settings.evaluate.cost ?? null,
    ...recoveryOf(model, settings.recover, texts.recovery),
    recoveryTemplate: texts.template,
  };
}

function tasksOf({ tasks }: EvaluationSettings): Draft['tasks'] {
  if (!tasks) return null;
  const { names, fewShot, bos, limit } = tasks;
  return { names, fewShot, bos, limit };
}

function recoveryOf(
  { adapterTargets }: ModelSummary,
  settings: RunSettings['recover'],
  text: Picked | null,
): Pick<Draft, 'recovers' | 'recoveryText' | 'recovery'> {
  if (settings === null) return { recovers: false, recoveryText: null, recovery: publishedRecovery };
  const { dataId, lora, ...rest } = settings;
  const isAll = adapterTargets.every((target) => lora.targets.includes(target));
  return {
    recovers: true,
    recoveryText: dataId === null ? null : text,
    recovery: { ...rest, lora: { ...lora, targets: isAll ? 'all-linear' : lora.targets } },
  };
}

/** The draft, if it is one that nobody has started yet. */
function unfinished(draft: Draft): Draft | null {
  return draft.runId === null && draft.model !== null ? { ...draft, aside: null, tried: null } : draft.aside;
}

/** As resources/demo/recipe.yaml has them. */
const demoCalibration: Draft['calibration'] = { samples: 256, seqLen: 128, seed: 42 };
const demoRatio = 0.3;

/** A ratio that somebody has set stays. */
function withDemoRatio(draft: Draft): Draft {
  const isUntouched = draft.prune.ratio === emptyDraft.prune.ratio;
  return isUntouched ? { ...draft, prune: { ...draft.prune, ratio: demoRatio } } : draft;
}

function withModel(draft: Draft, model: ModelSummary): Draft {
  const isSame =
    draft.model?.model.id === model.model.id && draft.model.layers.length === model.layers.length;
  const { defaultWindow } = model;
  if (isSame) return edited(draft, { model });
  const { lora } = draft.recovery;
  return edited(draft, {
    model,
    scoresOf: null,
    prune: {
      ...withoutSizes(draft.prune),
      criterion: criterionFor(draft, model),
      layers: { attention: defaultWindow, mlp: defaultWindow },
    },
    tasks: model.takesTasks ? draft.tasks : null,
    recovery: {
      ...draft.recovery,
      template: templateOf(draft, model),
      lora: { ...lora, targets: 'all-linear' },
    },
  });
}

/** A template that somebody has chosen stays. */
function templateOf({ model: earlier, recovery: { template } }: Draft, model: ModelSummary): string {
  const usual = ({ family, model: { name } }: ModelSummary): string => templateFor(family, name);
  const untouched = earlier === null ? emptyDraft.recovery.template : usual(earlier);
  return template === untouched ? usual(model) : template;
}

/** A criterion that somebody has chosen stays. */
function criterionFor({ model: earlier, prune }: Draft, { defaultCriterion }: ModelSummary): Criterion {
  const untouched = earlier?.defaultCriterion ?? emptyDraft.prune.criterion;
  return prune.criterion === untouched ? defaultCriterion : prune.criterion;
}

/** What of a plan has a meaning for any model. */
function withoutSizes(prune: PruneSettings): PruneSettings {
  const kept = { ...prune };
  delete kept.edits;
  delete kept.target;
  delete kept.unit;
  return kept;
}

/** A changed draft is no longer the run it was. */
function edited(draft: Draft, change: Partial<Draft>): Draft {
  return { ...draft, ...change, runId: null };
}

/** Why a draft cannot become a run yet; null when it can. */
export type Missing = 'model' | 'weights' | 'calibration' | 'taskData' | 'recovery';

export function missingFor(draft: Draft): Missing | null {
  if (draft.model === null) return 'model';
  if (!draft.model.hasWeights) return 'weights';
  if (lacksCalibration(draft)) return 'calibration';
  if (lacksTaskData(draft)) return 'taskData';
  return draft.recovers && draft.recoveryText === null ? 'recovery' : null;
}

export const lacksCalibration = ({ prune, calibrationText }: Draft): boolean =>
  readsCalibration(prune) && calibrationText === null;

export const lacksTaskData = ({ tasks, taskData }: Draft): boolean => tasks !== null && taskData === null;

/** The draft's recovery as main is asked about it, whether it is switched on or not. */
export const recoverSettingsOf = ({ recovery, recoveryText }: Draft): RecoverSettings => ({
  ...recovery,
  dataId: recoveryText?.id ?? null,
});

/** What to ask main for. @throws RangeError for a draft without a model. */
export function runSettingsOf(draft: Draft): RunSettings {
  if (draft.model === null) throw new RangeError('A run needs a model.');
  return {
    modelId: draft.model.model.id,
    prune: askedPlan(draft.prune),
    calibration: { ...draft.calibration, sourceId: draft.calibrationText?.id ?? null },
    evaluate: {
      ...draft.evaluation,
      textId: draft.evaluationText?.id ?? null,
      ...(draft.moreEvaluationTexts.length > 0 && {
        moreTextIds: draft.moreEvaluationTexts.map(({ id }) => id),
      }),
      tasks: draft.tasks && { ...draft.tasks, dataId: draft.taskData?.id ?? null },
      cost: draft.cost,
    },
    recover: draft.recovers ? recoverSettingsOf(draft) : null,
  };
}

/** What to ask main for to evaluate the model as it is. @throws RangeError for a draft without a model. */
export function evaluationSettingsOf(draft: Draft): RunSettings {
  const settings = runSettingsOf(draft);
  return { ...settings, prune: { ...settings.prune, mode: 'none' }, recover: null };
}
