/** What the window and main say to each other about a recovery: its settings, its curve and what it came to. */
import { z } from 'zod';
import { count, id } from './forms/values.ts';

const atLeastOne = z.int().min(1).max(1e6);
const rowCount = z.int().min(1).max(65536);

/** What the Recovery step decides, under the recipe's own keys. */
export const recoverSettingsSchema = z.strictObject({
  dataId: id.nullable(),
  /** The name of a template that the studio brings, or the id of a file that holds another. */
  template: id,
  cutoff: z.int().min(2).max(32_768),
  maxRows: atLeastOne.nullable(),
  trainOnInputs: z.boolean(),
  base: z.enum(['stored', 'int8']),
  lora: z.strictObject({
    rank: z.int().min(1).max(1024),
    alpha: z.number().positive(),
    dropout: z.number().min(0).lt(1),
    targets: z.union([z.literal('all-linear'), z.array(z.string().min(1).max(64)).min(1).max(64)]),
  }),
  epochs: z.number().positive().max(1000),
  steps: atLeastOne.nullable(),
  batchSize: rowCount,
  microBatch: rowCount.nullable(),
  learningRate: z.number().positive().max(1),
  schedule: z.enum(['linear', 'cosine']),
  warmupSteps: z.int().min(0).max(1e6),
  weightDecay: z.number().min(0).max(1),
  maxGradNorm: z.number().positive(),
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
  validation: z.strictObject({
    rows: z.int().min(0).max(1e6).nullable(),
    everySteps: atLeastOne,
    patience: atLeastOne.nullable(),
  }),
  checkpoint: z.strictObject({ everySteps: atLeastOne, everyMinutes: z.number().positive() }),
  output: z.enum(['merged', 'adapter']),
  control: z.boolean(),
});
export type RecoverSettings = z.infer<typeof recoverSettingsSchema>;

/** The first rows of a file as they will be trained, and what all of them come to. */
export const trainingPreviewSchema = z.object({
  /** Rows that something is learnt of, and rows passed over: an empty answer, a prompt as long as the cutoff. */
  rows: count,
  passedOver: count,
  validationRows: count,
  tokens: count,
  learntTokens: count,
  samples: z.array(
    z.object({
      tokens: count,
      learntTokens: count,
      /** In order; `learnt` is what the model learns to write, the rest it only reads. */
      parts: z.array(z.object({ text: z.string(), learnt: z.boolean() })),
    }),
  ),
});
export type TrainingPreview = z.infer<typeof trainingPreviewSchema>;

/** How long a training will take, judged by some layers of the model measured on this machine. */
export const trainingForecastSchema = z.object({
  steps: count,
  /** Tokens that all steps read, padding left out. */
  tokens: z.number(),
  stepMs: z.number(),
  /** Of the steps and the validations between them. */
  trainingMs: z.number(),
  /** The same for the unpruned model; null where it is not trained. */
  controlMs: z.number().nullable(),
  /** What was measured: so many of the layers, forward and backward, over so many tokens. */
  measured: z.object({ ms: z.number(), tokens: count, layers: count, ofLayers: count, threads: count }),
});
export type TrainingForecast = z.infer<typeof trainingForecastSchema>;

const validationSchema = z.object({ step: count, loss: z.number() });

/** A step of a training; counted from 1. */
const curvePointSchema = z.object({
  step: count,
  loss: z.number(),
  learningRate: z.number(),
  gradientNorm: z.number(),
  tokensPerSecond: z.number(),
});

const trainingStageSchema = z.enum(['recover', 'recover-control']);

/** The latest step of the training at work. */
export const trainingNowSchema = curvePointSchema.extend({
  stage: trainingStageSchema,
  /** In all. */
  steps: count,
  /** The latest; null before the first. */
  validation: validationSchema.nullable(),
});
export type TrainingNow = z.infer<typeof trainingNowSchema>;

/** A training so far, thinned to at most some 1000 points of each kind; the last is always among them. */
export const trainingCurveSchema = z.object({
  steps: count,
  points: z.array(curvePointSchema),
  validations: z.array(validationSchema),
});
export type TrainingCurve = z.infer<typeof trainingCurveSchema>;

export const trainingCurvesSchema = z.object({
  recover: trainingCurveSchema.nullable(),
  'recover-control': trainingCurveSchema.nullable(),
});
export type TrainingCurves = z.infer<typeof trainingCurvesSchema>;

/** What a training came to. */
const trainedReportSchema = z.object({
  perplexity: z.number().nullable(),
  validationLoss: z.object({ before: z.number(), kept: z.number() }).nullable(),
  steps: count,
  keptStep: count,
  stoppedEarly: z.boolean(),
  rows: count,
  validationRows: count,
  trainableParameters: z.number(),
  passedOver: count,
  /** Whether it was over before its warm-up; unknown of runs of earlier versions. */
  endedInWarmUp: z.boolean().optional(),
});

/** What a training took of the machine. */
const trainingPerformanceSchema = z.object({
  tokensPerSecond: z.number(),
  /** The same if nothing but the matrix products took time, each at the device's raw rate. */
  tokensPerSecondAtRawRate: z.number(),
  peakMemoryBytes: z.number(),
  /** Beside what the program itself takes. */
  memoryBudgetBytes: z.number(),
});

export const runPerformanceSchema = z.object({
  recovered: trainingPerformanceSchema.nullable(),
  control: trainingPerformanceSchema.nullable(),
});
export type TrainingPerformance = z.infer<typeof trainingPerformanceSchema>;

export const recoveryReportSchema = z.object({
  recovered: trainedReportSchema,
  /** The original, trained the same way; null where it was not asked for. */
  control: trainedReportSchema.nullable(),
});
export type RecoveryReport = z.infer<typeof recoveryReportSchema>;
