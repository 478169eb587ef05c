/** Runs: what one is asked for, how it stands, and what it came to. */
import { z } from 'zod';
import { costReportSchema } from './forms/cost-report.ts';
import { pickedSchema } from './forms/picked.ts';
import { studioErrorSchema } from './forms/studio-error.ts';
import { count, id, layerWindow } from './forms/values.ts';
import { costsSchema, hiddenSizeSchema, layerShapeSchema } from './plan-contract.ts';
import { pruneSettingsSchema } from './prune-contract.ts';
import {
  recoverSettingsSchema,
  recoveryReportSchema,
  runPerformanceSchema,
  trainingCurvesSchema,
  trainingNowSchema,
} from './recovery-contract.ts';
import { calibrationSchema, evaluationSchema } from './text-contract.ts';

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

const nothing = z.undefined();

export const runCalls = {
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
  'run:open-folder': { request: z.strictObject({ runId: id }), response: nothing },
} as const;

export const runStreams = {
  /** A run moved on. */
  'run:progress': z.object({ runId: id, progress: runProgressSchema }),
  /** Runs came, went, changed state or place in the queue. */
  'run:changed': z.object({ runs: z.array(runSummarySchema), deleted: z.array(deletedRunSchema) }),
} as const;
