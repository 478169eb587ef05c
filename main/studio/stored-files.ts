import { z } from 'zod';
import { EngineError } from '../engine/errors.ts';
import { taskIds } from '../engine/evaluate/tasks/index.ts';
import { metricNames } from '../engine/evaluate/tasks/task-scores.ts';
import { aggregationNames } from '../engine/prune/aggregate.ts';
import { dropRules } from '../engine/prune/prune-settings.ts';
import { residencies } from '../engine/runtime/residency.ts';
import { scheduleNames } from '../engine/recover/schedule.ts';
import { baseTypes } from '../engine/runtime/frozen-base.ts';
import { costReportSchema } from '../../preload/forms/cost-report.ts';
import { editsSchema } from './prune-recipe.ts';
import { costSchema } from './recipe.ts';

/** The form of a run's own files, as far as the studio stands on it: a folder may come from anywhere. */

const window = z.tuple([z.int().min(0), z.int().min(0)]);
const count = z.int().min(1);

const recover = z.object({
  alone: z.boolean(),
  data: z.string(),
  template: z.string(),
  cutoff: count,
  trainOnInputs: z.boolean(),
  maxRows: count.nullable(),
  lora: z.object({ rank: count, alpha: z.number(), targets: z.array(z.string()) }),
  training: z.object({
    epochs: z.number(),
    steps: count.nullable(),
    batchSize: count,
    microBatch: count,
    learningRate: z.number(),
    schedule: z.enum(scheduleNames),
    warmupSteps: z.int(),
    weightDecay: z.number(),
    maxGradNorm: z.number(),
    dropout: z.number(),
    seed: z.int(),
    validation: z.object({ rows: z.int().nullable(), everySteps: count, patience: count.nullable() }),
    checkpoint: z.object({ everySteps: count, everyMinutes: z.number() }),
  }),
  base: z.enum(baseTypes),
  output: z.enum(['merged', 'adapter']),
  control: z.boolean(),
});

const settings = z.object({
  model: z.string(),
  prune: z.object({
    mode: z.enum(['channel', 'layer', 'none']).optional(),
    criterion: z.string(),
    aggregation: z.enum(aggregationNames),
    ratio: z.number(),
    gqaFold: z.enum(['correct', 'published']),
    windows: z.object({ attention: window, mlp: window }),
    seed: z.int(),
    steps: count.optional(),
    target: z
      .union([z.object({ parameters: count }), z.object({ bytes: count }), z.object({ percent: z.number() })])
      .optional(),
    unit: z.literal('query-head').optional(),
    scope: z.enum(['global', 'global-published']).optional(),
    round: z.literal([8, 64, 256]).optional(),
    uniform: z.literal(true).optional(),
    drop: z.enum(dropRules).optional(),
    edits: editsSchema.optional(),
  }),
  calibration: z.object({
    source: z.string().nullable(),
    samples: count.nullable(),
    seqLen: count,
    seed: z.int(),
  }),
  evaluate: z.object({
    text: z.string().nullable(),
    moreTexts: z.array(z.string()).optional(),
    seqLen: count,
    samples: count.nullable(),
    tasks: z
      .object({
        names: z.array(z.enum(taskIds as [string, ...string[]])).min(1),
        data: z.string(),
        fewShot: z.int().min(0),
        bos: z.boolean(),
        limit: count.nullable(),
      })
      .optional(),
    cost: costSchema.optional(),
  }),
  threads: count,
  memory: z.object({
    budgetBytes: count,
    residency: z.enum(residencies),
    batchTokens: count,
    activationBytes: z.int().min(0),
  }),
  device: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('cpu') }),
    z.object({ kind: z.literal('webgpu'), card: z.string() }),
  ]),
  platform: z.string(),
  recover: recover.optional(),
});

/** settings.json */
export const settingsFile = z.object({
  identity: z.object({ hash: z.string(), engineVersion: z.string() }).nullable(),
  settings,
});

const score = z.looseObject({
  acc: z.number(),
  accStderr: z.number().nullable(),
  accNorm: z.number().nullable(),
  accNormStderr: z.number().nullable(),
  counted: z.enum(metricNames),
  samples: z.number(),
  available: z.number(),
});

/** A run from before there were several texts, and tasks, lacks the last two. */
const quality = {
  perplexity: z.number().nullable(),
  perplexities: z
    .array(
      z.looseObject({
        text: z.string(),
        sha256: z.string(),
        rows: z.number().nullable(),
        joined: z.string(),
        bos: z.boolean(),
        perplexity: z.number(),
        tokens: z.number(),
        chunks: z.number(),
        seqLen: z.number(),
      }),
    )
    .optional(),
  tasks: z
    .looseObject({
      results: z.record(z.string(), score),
      average: z.number(),
      isPapersAverage: z.boolean(),
      fewShot: z.number(),
      bos: z.boolean(),
      limit: z.number().nullable(),
      protocol: z.string(),
    })
    .nullable()
    .optional(),
};

const measured = z.looseObject({
  ...quality,
  parameters: z.number(),
  macs: z.number(),
  weightBytes: z.number(),
  memoryBytes: z.number(),
});

const trained = z.looseObject({
  ...quality,
  steps: z.number(),
  keptStep: z.number(),
  rows: z.number(),
  trainableParameters: z.number(),
  validationLoss: z.object({ before: z.number(), kept: z.number() }).nullable(),
});

/** report.json, as far as it is shown. */
export const reportFile = z.looseObject({
  windows: z.object({ attention: window, mlp: window }),
  ratioInWindow: z.number(),
  hiddenSize: z.object({ before: count, after: count }).optional(),
  removedOfParameters: z.number(),
  evaluation: z.object({ tokens: z.number(), chunks: z.number(), seqLen: z.number() }).nullable(),
  before: measured,
  after: measured,
  recovery: z.object({ recovered: trained, control: trained.nullable() }).optional(),
  cost: costReportSchema.optional(),
});

/** @throws EngineError run-folder-invalid naming the first key that does not fit. */
export function checkStored<T extends z.ZodType>(schema: T, value: unknown, path: string): z.output<T> {
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw damaged(path, `${issue.path.join('.') || '(the whole file)'}: ${issue.message}`);
}

export function damaged(path: string, why: string): EngineError {
  return new EngineError(
    'run-folder-invalid',
    `${path} is damaged: ${why}`,
    { path },
    'Start the run again in another folder.',
  );
}
