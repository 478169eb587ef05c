import { z } from 'zod';
import { residencies } from '../engine/runtime/residency.ts';
import { costSchema } from './recipe.ts';

const speed = z.object({
  tokensPerSecond: z.number(),
  latencyMs: z.object({ p50: z.number(), p90: z.number(), p99: z.number() }),
});

const speedup = z.object({
  factor: z.number(),
  low: z.number(),
  high: z.number(),
  verdict: z.enum(['faster', 'slower', 'no-difference']),
});

/** The section `cost` of report.json, which is shown whole. */
export const storedCost = z.object({
  settings: costSchema,
  threads: z.int(),
  models: z.array(
    z.object({
      name: z.string(),
      peakBytes: z.number(),
      programBytes: z.number(),
      weights: z.enum(['float32', 'stored']),
      residency: z.enum(residencies),
    }),
  ),
  points: z.array(
    z.object({
      batchSize: z.int(),
      promptLength: z.int(),
      models: z.array(
        z.object({
          prefill: speed,
          decode: speed,
          speedup: z.object({ prefill: speedup, decode: speedup }).nullable(),
        }),
      ),
    }),
  ),
});
