/**
 * What the window and main say to each other. Every call and every stream is listed here once, with a schema for each
 * direction; main checks them together with the sender, and the bridge offers nothing else. The window never names a
 * path: it holds ids of files and folders that the person picked, dropped, or that the studio brought.
 */
import { z } from 'zod';
import { comparisonExportSchema, comparisonRequestSchema, comparisonSchema } from './comparison-contract.ts';
import { dependencyCalls } from './dependency-contract.ts';
import { costReportSchema, costSettingsSchema } from './forms/cost-report.ts';
import { generationCalls, generationStreams } from './generation-contract.ts';
import { costsSchema, hiddenSizeSchema, layerShapeSchema, planCalls } from './plan-contract.ts';
import { criterionSchema, pruneSettingsSchema } from './prune-contract.ts';
import {
  recoverSettingsSchema,
  recoveryReportSchema,
  runPerformanceSchema,
  trainingCurvesSchema,
  trainingForecastSchema,
  trainingNowSchema,
  trainingPreviewSchema,
} from './recovery-contract.ts';

export type { Costs, LayerShape, PlanPreview } from './plan-contract.ts';

const id = z.string().min(1).max(64);
const count = z.int().min(0);
const seed = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const layerWindow = z.tuple([count, count]);

/** A file or folder the window may speak of; `path` is only to be shown. */
export const pickedSchema = z.object({ id, name: z.string(), path: z.string() });
export type Picked = z.infer<typeof pickedSchema>;

/** A model folder as its files tell it. */
export const modelSummarySchema = z.object({
  model: pickedSchema,
  family: z.string(),
  hasWeights: z.boolean(),
  /** `torch`: pytorch_model.bin and its shards; null without weights. */
  weightFormat: z.enum(['safetensors', 'torch']).nullable(),
  hasTokenizer: z.boolean(),
  costs: costsSchema,
  hiddenSize: count,
  headDim: count,
  vocabSize: count,
  tiedEmbeddings: z.boolean(),
  layers: z.array(layerShapeSchema),
  defaultWindow: layerWindow,
  /** The one that suits the model's family. */
  defaultCriterion: criterionSchema,
  /** The linear weights of a layer that can have an adapter. */
  adapterTargets: z.array(z.string()),
});
export type ModelSummary = z.infer<typeof modelSummarySchema>;

export type PruneSettings = z.infer<typeof pruneSettingsSchema>;

export const calibrationSchema = z.strictObject({
  sourceId: id.nullable(),
  samples: z.int().min(1).max(100_000).nullable(),
  seqLen: z.int().min(2).max(32_768),
  seed,
});
export type CalibrationSettings = z.infer<typeof calibrationSchema>;

/** What the model is asked in words, under the recipe's own keys. */
const tasksSettingsSchema = z.strictObject({
  names: z.array(z.string().min(1).max(64)).min(1).max(32),
  /** The folder of the data. */
  dataId: id.nullable(),
  fewShot: z.int().min(0).max(100),
  bos: z.boolean(),
  limit: z.int().min(1).nullable(),
});
export type TasksSettings = z.infer<typeof tasksSettingsSchema>;

export const evaluationSchema = z.strictObject({
  textId: id.nullable(),
  /** Further texts, each measured like the first; left out: none. */
  moreTextIds: z.array(id).max(32).optional(),
  seqLen: z.int().min(2).max(32_768),
  samples: z.int().min(1).nullable(),
  /** null, or left out: nothing is asked. */
  tasks: tasksSettingsSchema.nullable().optional(),
  /** null, or left out: no time is measured. */
  cost: costSettingsSchema.nullable().optional(),
});
export type EvaluationSettings = z.infer<typeof evaluationSchema>;

/** Calibration rows as a run would draw them. */
export const textPreviewSchema = z.object({
  kind: z.enum(['text', 'texts', 'ids']),
  /** What the file holds: rows of JSONL (`texts`, `ids`), characters of a plain text. */
  rows: count,
  /** Tokens of all the rows that a run would draw. */
  tokens: count,
  /** The first few of these rows. */
  samples: z.array(z.object({ text: z.string(), tokens: count })),
});
export type TextPreview = z.infer<typeof textPreviewSchema>;

/** How much an evaluation would measure: tokens of the text, and whole chunks of `seqLen` in it. */
export const textMeasureSchema = z.object({ tokens: count, chunks: count });
export type TextMeasure = z.infer<typeof textMeasureSchema>;

export const runSettingsSchema = z.strictObject({
  modelId: id,
  prune: pruneSettingsSchema,
  calibration: calibrationSchema,
  evaluate: evaluationSchema,
  /** null: the run ends with the pruned model. */
  recover: recoverSettingsSchema.nullable(),
});
export type RunSettings = z.infer<typeof runSettingsSchema>;

/** In the order in which they are done. */
export const runStageSchema = z.enum([
  'evaluate-before',
  'estimate',
  'slice',
  'evaluate-after',
  'recover',
  'evaluate-recovered',
  'recover-control',
  'evaluate-control',
  'measure-cost',
]);
export type RunStage = z.infer<typeof runStageSchema>;

/**
 * What failed, in a sentence, and what to do; the window switches on the code. Beside the engine's own codes:
 * request-refused (not the studio's window), request-invalid (wrong shape), file-not-granted (nobody picked it),
 * file-kind (a folder for a file, or the reverse),
 * run-unknown, run-state (not possible in the run's state), generation-unknown, superseded, studio-failed (an error of
 * the program).
 */
export const studioErrorSchema = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().optional(),
});
export type StudioError = z.infer<typeof studioErrorSchema>;

export const runStateSchema = z.enum(['queued', 'running', 'finished', 'failed', 'cancelled', 'interrupted']);
export type RunState = z.infer<typeof runStateSchema>;

const measuredSchema = costsSchema.extend({ perplexity: z.number().nullable() });

export const runReportSchema = z.object({
  criterion: z.string(),
  aggregation: z.string(),
  windows: z.object({ attention: layerWindow, mlp: layerWindow }),
  ratioInWindow: z.number(),
  removedOfParameters: z.number(),
  hiddenSize: hiddenSizeSchema.optional(),
  calibration: z.object({ rows: count, tokens: count, loss: z.number() }).nullable(),
  evaluation: z.object({ tokens: count, chunks: count, seqLen: count }).nullable(),
  before: measuredSchema,
  after: measuredSchema,
  /** null where the run ended with the pruned model; the recovered model costs what the pruned one does. */
  recovery: recoveryReportSchema.nullable(),
  performance: runPerformanceSchema.nullable(),
  /** Times and memory, where they were asked for. */
  cost: costReportSchema.nullable(),
});
export type RunReport = z.infer<typeof runReportSchema>;

/** What a person writes about a run. */
const runAnnotationSchema = z.strictObject({
  /** null: the run goes by its model's name. */
  name: z.string().trim().min(1).max(200).nullable(),
  tags: z.array(z.string().trim().min(1).max(40)).max(20),
  note: z.string().max(10_000),
});
export type RunAnnotation = z.infer<typeof runAnnotationSchema>;

/** A deleted run that can be brought back, under the id that it had. */
const deletedRunSchema = z.object({ id, name: z.string(), sizeBytes: z.number() });
export type DeletedRun = z.infer<typeof deletedRunSchema>;

/** What a run's perplexities were measured on; only those of one id are to be compared. */
const perplexityProtocolSchema = z.object({
  id: z.string(),
  /** Name of the file. */
  text: z.string(),
  seqLen: count,
  chunks: count,
});
export type PerplexityProtocol = z.infer<typeof perplexityProtocolSchema>;

/** A run in a list. */
export const runSummarySchema = z.object({
  id,
  name: z.string(),
  modelName: z.string(),
  createdAt: z.string(),
  state: runStateSchema,
  /** Position in the queue, from 0, for a queued run. */
  queuePosition: count.nullable(),
  /** Whether it was in line when the studio was last closed, and waits for `run:release` or `run:resume`. */
  held: z.boolean(),
  /** Whether it was asked to stop and has not yet: the time to offer to kill it. */
  cancelling: z.boolean(),
  /** What structures are judged by: a criterion, for whole layers their rule, `none` where none goes. */
  criterion: z.string(),
  ratio: z.number(),
  /** Those it goes through; an evaluation without a text is passed over. */
  stages: z.array(runStageSchema),
  report: runReportSchema.nullable(),
  /** Of the report's perplexities; null without them. */
  perplexityProtocol: perplexityProtocolSchema.nullable(),
  layers: z.array(z.object({ before: layerShapeSchema, after: layerShapeSchema })),
  annotation: runAnnotationSchema,
  sizeBytes: z.number(),
});
export type RunSummary = z.infer<typeof runSummarySchema>;

/** What a running run has said so far: enough to draw the Run screen after a reload. */
export const runProgressSchema = z.object({
  /** Done so far of reading model and data, 0 to 1, which comes before the stages; null when it is not being done. */
  preparation: z.number().nullable(),
  stage: runStageSchema.nullable(),
  /** Done so far of the stage, 0 to 1. */
  fraction: z.number(),
  /** Of the stage; null while there is nothing to judge by. */
  timeLeftMs: z.number().nullable(),
  /** When it was last started or resumed. */
  startedAt: z.string().nullable(),
  /** When it last ended, one way or another. */
  endedAt: z.string().nullable().optional(),
  /** By name: `calibration.loss`, and `<stage>.perplexity` for each stage that evaluates. */
  metrics: z.record(z.string(), z.number()),
  /** The latest step of a training; null before the first. */
  training: trainingNowSchema.nullable(),
  /** Resident memory of the worker process: now, null when there is none, and its highest so far. */
  memoryBytes: z.number().nullable(),
  peakMemoryBytes: z.number().nullable(),
  /** The last lines of log.txt, each with its time in front. */
  log: z.array(z.string()),
  error: studioErrorSchema.nullable(),
});
export type RunProgress = z.infer<typeof runProgressSchema>;

/**
 * The scores of a layer's `count` channels: sorted, the highest first, and cut into equal shares (up to one channel), of
 * which each has its mean here. A layer of up to 256 channels has all its scores here; which channel has which is not
 * told.
 */
export const channelScoresSchema = z.object({ count, means: z.array(z.number()).max(256) });

/** Everything about one run. */
export const runDetailSchema = z.object({
  run: runSummarySchema,
  recipe: z.string(),
  folder: z.string(),
  modelFolder: z.string(),
  /** Of the recovered model, or of the adapter; null without a recovery. */
  recoveredFolder: z.string().nullable(),
  progress: runProgressSchema,
  /** Scores by layer where they are there: one a head (KV group), and channels in shares. */
  scores: z.array(
    z.object({
      layer: count,
      heads: z.array(z.number()).nullable(),
      channels: channelScoresSchema.nullable(),
      /** How much the whole layer changes what goes through it, where whole layers go. */
      influence: z.number().nullable().optional(),
    }),
  ),
  /** Scores of the hidden indices through the whole network, once a run has chosen among them, in shares as channels are. */
  hidden: channelScoresSchema.nullable().optional(),
  /** Heads that stay, by layer, once selected; how many channels stay, the run's layers say. */
  kept: z.array(z.object({ kvHeads: z.array(count) })).nullable(),
  /** What the plan said the run would come to; null where its model is gone and it never told. */
  planned: z.object({ before: costsSchema, after: costsSchema }).nullable(),
  curves: trainingCurvesSchema,
  /** The model it was made from; null where its folder is gone, or was written to since. */
  modelId: id.nullable(),
  /** What it was asked for; a text that is gone has no id. */
  settings: runSettingsSchema.omit({ modelId: true }),
  /** The texts of these settings, to be shown. */
  texts: z.object({
    calibration: pickedSchema.nullable(),
    evaluation: pickedSchema.nullable(),
    /** Further texts to evaluate on, those of them that are still there. */
    moreEvaluation: z.array(pickedSchema),
    recovery: pickedSchema.nullable(),
    /** A prompt template of one's own. */
    template: pickedSchema.nullable(),
    /** The folder of the tasks' data. */
    tasks: pickedSchema.nullable(),
  }),
});
export type RunDetail = z.infer<typeof runDetailSchema>;

/** What a run was calibrated on: the first windows, and whether there are more. */
const calibrationTextsSchema = z.object({
  samples: z.array(
    z.object({
      /** null where the source held token ids. */
      text: z.string().nullable(),
      tokens: count,
      /** Of an iterative pruning, from 1. */
      step: count.nullable(),
    }),
  ),
  hasMore: z.boolean(),
});

const deviceWishSchema = z.enum(['auto', 'cpu', 'webgpu']);

/** What a wish for a device comes to on this machine. */
export const deviceChoiceSchema = z.object({
  /** The graphics card's name; null for the processor. */
  card: z.string().nullable(),
  /** Why it is the processor where that was not asked for: a code, and the same in English. */
  why: z.object({ code: z.string(), text: z.string() }).nullable(),
});
export type DeviceChoice = z.infer<typeof deviceChoiceSchema>;

export const settingsSchema = z.strictObject({
  language: z.enum(['system', 'en', 'zh-CN']),
  theme: z.enum(['system', 'light', 'dark']),
  /** What new runs compute on. */
  device: deviceWishSchema,
});
export type Settings = z.infer<typeof settingsSchema>;

export const appInfoSchema = z.object({
  version: z.string(),
  platform: z.string(),
  /** The system's language, as BCP 47. */
  locale: z.string(),
  threads: count,
  totalMemoryBytes: z.number(),
  runsFolder: z.string(),
  /** Ids of the tasks that a model can be asked. */
  taskIds: z.array(z.string()),
  electron: z.string(),
});
export type AppInfo = z.infer<typeof appInfoSchema>;

interface Call {
  readonly request: z.ZodType;
  readonly response: z.ZodType;
}

const nothing = z.undefined();

/** Every call from the window to main, by channel. */
export const calls = {
  'app:info': { request: nothing, response: appInfoSchema },
  'settings:get': { request: nothing, response: settingsSchema },
  /** Tests the graphics card when first asked, in a process of its own. */
  'device:find': { request: z.strictObject({ device: deviceWishSchema }), response: deviceChoiceSchema },
  'settings:set': { request: settingsSchema.partial(), response: settingsSchema },
  /** Opens the system's folder dialog; null when the person closes it. */
  'model:pick': { request: nothing, response: pickedSchema.nullable() },
  'model:demo': { request: nothing, response: pickedSchema },
  'model:recent': { request: nothing, response: z.array(pickedSchema) },
  'model:inspect': { request: z.strictObject({ modelId: id }), response: modelSummarySchema },
  ...planCalls,
  /** A folder with the data of tasks. */
  'tasks:pick': { request: nothing, response: pickedSchema.nullable() },
  'text:pick': { request: nothing, response: pickedSchema.nullable() },
  /** The demo's texts, for the demo model. */
  'text:demo': {
    request: nothing,
    response: z.object({ calibration: pickedSchema, evaluation: pickedSchema, recovery: pickedSchema }),
  },
  /** These look into the text in a process of their own; a later request ends an earlier one (code `superseded`). */
  'text:preview': {
    request: z.strictObject({ modelId: id, calibration: calibrationSchema }),
    response: textPreviewSchema,
  },
  'text:measure': {
    request: z.strictObject({ modelId: id, evaluation: evaluationSchema }),
    response: textMeasureSchema,
  },
  'recovery:preview': {
    request: z.strictObject({ modelId: id, recover: recoverSettingsSchema }),
    response: trainingPreviewSchema,
  },
  /** Computes for some seconds, in a process of its own; a later request ends an earlier one (code `superseded`). */
  'recovery:estimate': {
    request: z.strictObject({ modelId: id, prune: pruneSettingsSchema, recover: recoverSettingsSchema }),
    response: trainingForecastSchema,
  },
  /**
   * Answers at once. The same work is not done twice: the run that is there already is named. Where model or data have to
   * be read to know it, that is found out when the run's turn comes: its id then stands for the run that was there.
   */
  'run:start': { request: runSettingsSchema, response: z.object({ runId: id }) },
  'run:list': { request: nothing, response: z.array(runSummarySchema) },
  /** The run with this id, or the one that it turned out to be. */
  'run:get': { request: z.strictObject({ runId: id }), response: runDetailSchema },
  /** null where the run keeps no texts: it reads none, or has not got there. */
  'run:calibration': {
    request: z.strictObject({ runId: id }),
    response: calibrationTextsSchema.nullable(),
  },
  /** Stops at the next layer, or takes the run out of the queue. */
  'run:cancel': { request: z.strictObject({ runId: id }), response: nothing },
  /** Ends the worker process at once. */
  'run:kill': { request: z.strictObject({ runId: id }), response: nothing },
  'run:resume': { request: z.strictObject({ runId: id }), response: nothing },
  /** Takes the run out of the list; for some minutes, and until the studio is closed, it can be brought back. */
  'run:delete': { request: z.strictObject({ runId: id }), response: nothing },
  'run:deleted': { request: nothing, response: z.array(deletedRunSchema) },
  'run:restore': { request: z.strictObject({ runId: id }), response: nothing },
  /** Removes a deleted run for good, now. */
  'run:purge': { request: z.strictObject({ runId: id }), response: nothing },
  /** What is not named stays as it is. */
  'run:annotate': {
    request: runAnnotationSchema.partial().extend({ runId: id }),
    response: nothing,
  },
  /** Queued runs in the order in which they shall start. */
  'run:reorder': { request: z.strictObject({ runIds: z.array(id).max(1000) }), response: nothing },
  /** Lets the held runs start, in their order. */
  'run:release': { request: nothing, response: nothing },
  /** Models of finished runs and picked folders side by side. */
  'compare:models': { request: comparisonRequestSchema, response: comparisonSchema },
  /** Opens the system's dialog and writes the comparison there; null when the person closes it. */
  'compare:export': { request: comparisonExportSchema, response: z.object({ path: z.string().nullable() }) },
  'run:open-folder': { request: z.strictObject({ runId: id }), response: nothing },
  ...dependencyCalls,
  ...generationCalls,
} as const satisfies Record<string, Call>;

export type CallName = keyof typeof calls;
export type CallRequest<N extends CallName> = z.infer<(typeof calls)[N]['request']>;
export type CallResponse<N extends CallName> = z.infer<(typeof calls)[N]['response']>;

/** Every stream from main to the window, by channel. */
export const streams = {
  /** A run moved on. */
  'run:progress': z.object({ runId: id, progress: runProgressSchema }),
  /** Runs came, went, changed state or place in the queue. */
  'run:changed': z.object({ runs: z.array(runSummarySchema), deleted: z.array(deletedRunSchema) }),
  'settings:changed': settingsSchema,
  ...generationStreams,
} as const satisfies Record<string, z.ZodType>;

export type StreamName = keyof typeof streams;
export type StreamMessage<N extends StreamName> = z.infer<(typeof streams)[N]>;

/** How main answers a call: an error is an answer too, never a rejected promise without a code. */
export type Answer<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: StudioError };

/** What the bridge puts on `window.studio`. */
export interface StudioBridge {
  call<N extends CallName>(name: N, request: CallRequest<N>): Promise<Answer<CallResponse<N>>>;
  /** Grants a dropped file or folder: its path is read from the File itself, in the bridge. */
  dropped(file: File): Promise<Answer<Picked>>;
  /** @returns how to stop listening. */
  listen<N extends StreamName>(name: N, listener: (message: StreamMessage<N>) => void): () => void;
}
