/** What models take of a machine, as a run measured it: original and pruned model in turn. */
import { z } from 'zod';
import { count } from './values.ts';

const counts = (most: number): z.ZodType<number[]> => z.array(z.int().min(1).max(most)).min(1).max(16);

/** The recipe's key `evaluate.cost`. */
export const costSettingsSchema = z.strictObject({
  batchSizes: counts(1024),
  promptLengths: counts(2 ** 17),
  newTokens: z.int().min(1).max(4096),
  /** Rounds that are timed, after one that is not; an interval needs two at least. */
  repeats: z.int().min(2).max(1000),
});

const speedSchema = z.object({
  /** At the median time. */
  tokensPerSecond: z.number(),
  /** Of a whole prompt, or of a token in every row. */
  latencyMs: z.object({ p50: z.number(), p90: z.number(), p99: z.number() }),
});

/** How many times as fast as the first model; `low` to `high` is where it lies with 95 % confidence. */
const speedupSchema = z.object({
  factor: z.number(),
  low: z.number(),
  high: z.number(),
  verdict: z.enum(['faster', 'slower', 'no-difference']),
});

export const costReportSchema = z.object({
  settings: costSettingsSchema,
  threads: count,
  models: z.array(
    z.object({
      /** `before` or `after`; a recovered model costs what the pruned one does. */
      name: z.string(),
      /** Highest resident memory of a process that opens the model and does one forward over 64 tokens. */
      peakBytes: z.number(),
      /** Of which the program alone. */
      programBytes: z.number(),
      weights: z.enum(['float32', 'stored']),
      residency: z.enum(['stream', 'ram', 'card']),
    }),
  ),
  points: z.array(
    z.object({
      batchSize: count,
      promptLength: count,
      /** In the order of `models`. */
      models: z.array(
        z.object({
          prefill: speedSchema,
          decode: speedSchema,
          /** null for the first. */
          speedup: z.object({ prefill: speedupSchema, decode: speedupSchema }).nullable(),
        }),
      ),
    }),
  ),
});
