/** What the window and main say to each other about a comparison: what is compared, and what it came to. */
import { z } from 'zod';
import { count, id } from './forms/values.ts';
import { measureKinds, measureUnits, protocolSchema, verdicts } from './forms/measures.ts';

/** More columns than anyone can read. */
const mostCompared = 50;

const runRoleSchema = z.enum(['original', 'pruned', 'recovered', 'control']);
export type RunRole = z.infer<typeof runRoleSchema>;

export const comparisonRequestSchema = z.strictObject({
  /** null: every model that the run has. */
  runs: z
    .array(z.strictObject({ runId: id, roles: z.array(runRoleSchema).max(4).nullable() }))
    .max(mostCompared),
  /** Picked folders. */
  modelIds: z.array(id).max(mostCompared),
  /** The key of the model that the others are measured against; null, or one that is not there: the first original. */
  baseline: z.string().max(200).nullable(),
  /** Whether published rows of the same models and recipes stand beside. */
  published: z.boolean(),
});
export type ComparisonRequest = z.infer<typeof comparisonRequestSchema>;

const comparedModelSchema = z.object({
  key: z.string(),
  /** What it goes by; the role beside it tells the models of a run apart. */
  name: z.string(),
  role: z.enum([...runRoleSchema.options, 'model', 'published']),
  /** Of a published row: where it was printed. */
  source: z.string().nullable(),
  /** The run it is of; of an original that several runs share, the first. */
  runId: id.nullable(),
  layers: z.array(z.object({ heads: count, kvHeads: count, mlpWidth: count })).nullable(),
});
export type ComparedModel = z.infer<typeof comparedModelSchema>;

const comparisonRowSchema = z.object({
  /** Equal for numbers that may be compared, and for no others. */
  id: z.string(),
  kind: z.enum(measureKinds),
  /** What is measured, beside its kind: a task, a setting of a measurement; empty where the kind says all. */
  subject: z.string(),
  /** null where there is one way only. */
  protocol: protocolSchema.nullable(),
  /** What tells the row from others that would be called the same; empty where none would. */
  apart: z.string(),
  unit: z.enum(measureUnits),
  better: z.enum(['lower', 'higher']),
  /** In the order of the models. */
  cells: z.array(
    z.object({
      value: z.number().nullable(),
      /** Standard error, or half the spread, in the unit of the value; null where it is exact or not known. */
      error: z.number().nullable(),
      /** Against the baseline: relative, and for shares the difference itself; null for the baseline, and without it. */
      change: z.number().nullable(),
      /** null too where a difference of two such numbers says nothing certain. */
      verdict: z.enum(verdicts).nullable(),
      /** Measured on the run's pruned model, which has the same widths. */
      isOfPruned: z.boolean(),
    }),
  ),
});
export type ComparisonRow = z.infer<typeof comparisonRowSchema>;

export const comparisonSchema = z.object({
  models: z.array(comparedModelSchema),
  /** Key of the model that the others are measured against; null without models. */
  baseline: z.string().nullable(),
  rows: z.array(comparisonRowSchema),
  /** Recipe keys that differ between the runs, and only those; null where a recipe does not have the key. */
  recipes: z.object({
    runs: z.array(z.object({ runId: id, name: z.string() })),
    differences: z.array(z.object({ key: z.string(), values: z.array(z.string().nullable()) })),
  }),
});
export type Comparison = z.infer<typeof comparisonSchema>;

const comparisonFormatSchema = z.enum(['html', 'markdown', 'csv', 'png']);
export type ComparisonFormat = z.infer<typeof comparisonFormatSchema>;

export const comparisonExportSchema = comparisonRequestSchema.extend({
  format: comparisonFormatSchema,
  language: z.enum(['en', 'zh-CN']),
});
