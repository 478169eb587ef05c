import type {
  CalibrationSettings,
  EvaluationSettings,
  ModelSummary,
  Picked,
  PruneSettings,
  RunDetail,
  RunSettings,
} from '../../preload/contract.ts';

export type Criterion = PruneSettings['criterion'];
export type Aggregation = PruneSettings['aggregation'];

export const criteria: readonly Criterion[] = [
  'taylor-element1',
  'taylor-vector',
  'magnitude-l2',
  'magnitude-l1',
  'random',
];
export const aggregations: readonly Aggregation[] = ['sum', 'mean', 'max', 'prod', 'first', 'last'];

/** Criteria that read calibration text. */
export const usesGradient = (criterion: string): boolean => criterion.startsWith('taylor');

/** What a person has decided so far about the next run; kept whole while they move between the steps. */
export interface Draft {
  readonly model: ModelSummary | null;
  readonly prune: PruneSettings;
  readonly calibrationText: Picked | null;
  readonly calibration: Omit<CalibrationSettings, 'sourceId'>;
  readonly evaluationText: Picked | null;
  readonly evaluation: Omit<EvaluationSettings, 'textId'>;
  /** The run this draft became. */
  readonly runId: string | null;
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
  calibrationText: null,
  calibration: { samples: null, seqLen: 64, seed: 42 },
  evaluationText: null,
  evaluation: { seqLen: 128, samples: null },
  runId: null,
  aside: null,
};

export type DraftAction =
  | { readonly type: 'model-chosen'; readonly model: ModelSummary }
  | {
      readonly type: 'demo-chosen';
      readonly model: ModelSummary;
      readonly calibration: Picked;
      readonly evaluation: Picked;
    }
  | { readonly type: 'prune-changed'; readonly change: Partial<PruneSettings> }
  | { readonly type: 'calibration-text-chosen'; readonly text: Picked | null }
  | { readonly type: 'calibration-changed'; readonly change: Partial<Draft['calibration']> }
  | { readonly type: 'evaluation-text-chosen'; readonly text: Picked | null }
  | { readonly type: 'evaluation-changed'; readonly change: Partial<Draft['evaluation']> }
  | {
      readonly type: 'run-opened';
      readonly model: ModelSummary;
      readonly setup: Pick<RunDetail, 'settings' | 'texts'>;
      /** The run itself, or null for a new one with its settings. */
      readonly runId: string | null;
    }
  | { readonly type: 'started'; readonly runId: string }
  | { readonly type: 'restarted' };

/** Another model takes over everything but the layer windows, which are counted in its own layers. */
export function draftReducer(draft: Draft, action: DraftAction): Draft {
  switch (action.type) {
    case 'model-chosen':
      return withModel(draft, action.model);
    case 'demo-chosen':
      return {
        ...withDemoRatio(withModel(draft, action.model)),
        calibrationText: action.calibration,
        calibration: demoCalibration,
        evaluationText: action.evaluation,
        evaluation: emptyDraft.evaluation,
      };
    case 'prune-changed':
      return edited(draft, { prune: { ...draft.prune, ...action.change } });
    case 'calibration-text-chosen':
      return edited(draft, { calibrationText: action.text });
    case 'calibration-changed':
      return edited(draft, { calibration: { ...draft.calibration, ...action.change } });
    case 'evaluation-text-chosen':
      return edited(draft, { evaluationText: action.text });
    case 'evaluation-changed':
      return edited(draft, { evaluation: { ...draft.evaluation, ...action.change } });
    case 'started':
      return { ...draft, runId: action.runId };
    case 'run-opened':
      return { ...draftOf(action.model, action.setup), runId: action.runId, aside: unfinished(draft) };
    case 'restarted':
      return draft.aside ?? emptyDraft;
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
    evaluation: { seqLen: settings.evaluate.seqLen, samples: settings.evaluate.samples },
  };
}

/** The draft, if it is one that nobody has started yet. */
function unfinished(draft: Draft): Draft | null {
  return draft.runId === null && draft.model !== null ? { ...draft, aside: null } : draft.aside;
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
  const layers = isSame ? draft.prune.layers : { attention: defaultWindow, mlp: defaultWindow };
  return edited(draft, { model, prune: { ...draft.prune, layers } });
}

/** A changed draft is no longer the run it was. */
function edited(draft: Draft, change: Partial<Draft>): Draft {
  return { ...draft, ...change, runId: null };
}

/** Why a draft cannot become a run yet; null when it can. */
export type Missing = 'model' | 'weights' | 'calibration';

export function missingFor(draft: Draft): Missing | null {
  if (draft.model === null) return 'model';
  if (!draft.model.hasWeights) return 'weights';
  if (usesGradient(draft.prune.criterion) && draft.calibrationText === null) return 'calibration';
  return null;
}

/** What to ask main for. @throws RangeError for a draft without a model. */
export function runSettingsOf(draft: Draft): RunSettings {
  if (draft.model === null) throw new RangeError('A run needs a model.');
  return {
    modelId: draft.model.model.id,
    prune: draft.prune,
    calibration: { ...draft.calibration, sourceId: draft.calibrationText?.id ?? null },
    evaluate: { ...draft.evaluation, textId: draft.evaluationText?.id ?? null },
  };
}
