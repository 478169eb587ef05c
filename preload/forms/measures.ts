/** The numbers that models are compared by, as the studio makes them and the window shows them. */
import { z } from 'zod';
import { count } from './values.ts';

/** In the order of the table. */
export const measureKinds = [
  'parameters',
  'macs',
  'weights',
  'memory',
  'perplexity',
  'task',
  'task-average',
  'peak-memory',
  'prefill-speedup',
  'prefill-speed',
  'prefill-latency',
  'decode-speedup',
  'decode-speed',
  'decode-latency',
] as const;
export type MeasureKind = (typeof measureKinds)[number];

export const measureUnits = [
  'count',
  'macs',
  'bytes',
  'perplexity',
  'share',
  'per-second',
  'ms',
  'factor',
] as const;
export type MeasureUnit = (typeof measureUnits)[number];

export const verdicts = ['better', 'worse', 'same'] as const;
export type Verdict = (typeof verdicts)[number];

/** How a number was measured; numbers of different protocols are not to be compared. */
export const protocolSchema = z.discriminatedUnion('about', [
  z.object({ about: z.literal('text'), text: z.string(), seqLen: count, chunks: count }),
  z.object({
    about: z.literal('tasks'),
    /** acc, or acc_norm; null of an average. */
    metric: z.string().nullable(),
    /** Whether the paper's tables and the average count this metric of the task. */
    isCounted: z.boolean(),
    /** Of an average: how many tasks. */
    tasks: count.nullable(),
    fewShot: count,
    /** Whether a BOS stood in front of each question. */
    bos: z.boolean(),
    /** First questions of a task that were asked at most; null: all. */
    limit: count.nullable(),
    harness: z.string(),
  }),
  z.object({
    about: z.literal('machine'),
    /** Rows that grow together, tokens each begins with, tokens it grows by. */
    batchSize: count,
    promptLength: count,
    newTokens: count,
    /** Rounds that were timed. */
    repeats: count,
    threads: count,
    /** The run whose measurement it is of, where numbers of others are not to be compared. */
    run: z.string().nullable(),
  }),
]);
export type Protocol = z.infer<typeof protocolSchema>;
