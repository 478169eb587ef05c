/** Texts and tasks: what a run reads, and what the window is told of them beforehand. */
import { z } from 'zod';
import { costSettingsSchema } from './forms/cost-report.ts';
import { pickedSchema } from './forms/picked.ts';
import { count, id, seed } from './forms/values.ts';

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

const nothing = z.undefined();

export const textCalls = {
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
} as const;
