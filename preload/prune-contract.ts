import { z } from 'zod';
import { count, layerWindow } from './forms/values.ts';

/** A layer as the key of a record. */
const layerKey = z.string().regex(/^(0|[1-9]\d{0,3})$/);
const layerList = z.array(count).max(4096);
const layerRatios = z.record(layerKey, z.number().min(0).lt(1));

/** What is to stay, instead of a ratio. */
const sizeTargetSchema = z.union([
  z.strictObject({ parameters: z.int().min(1) }),
  z.strictObject({ bytes: z.int().min(1) }),
  z.strictObject({ percent: z.number().gt(0).lt(100) }),
]);

/** What a person decided about single layers. */
const planEditsSchema = z.strictObject({
  exclude: z.strictObject({ attention: layerList, mlp: layerList }),
  ratios: z.strictObject({ attention: layerRatios, mlp: layerRatios }),
  /** Heads (KV groups) of the original that stay, by layer. */
  keep: z.strictObject({ heads: z.record(layerKey, z.array(count).min(1).max(4096)) }),
});

export const criterionSchema = z.enum([
  'taylor-vector',
  'taylor-element1',
  'taylor-element2',
  'taylor-mixed',
  'magnitude-l1',
  'magnitude-l2',
  'random',
]);

/** What the Plan step decides, under the recipe's own keys; what is left out is at the recipe's default. */
export const pruneSettingsSchema = z.strictObject({
  /** none: the model is evaluated as it is. */
  mode: z.enum(['block', 'channel', 'layer', 'none']).optional(),
  criterion: criterionSchema,
  aggregation: z.enum(['sum', 'mean', 'max', 'prod', 'first', 'second', 'last']),
  /** Without meaning beside a target. */
  ratio: z.number().gt(0).lt(1),
  target: sizeTargetSchema.nullable().optional(),
  /** group where it is left out. */
  unit: z.enum(['group', 'query-head']).optional(),
  scope: z.enum(['local', 'global', 'global-published']).optional(),
  round: z.literal([1, 8, 64, 256]).optional(),
  uniform: z.boolean().optional(),
  drop: z.enum(['least-influence', 'last']).optional(),
  edits: planEditsSchema.optional(),
  gqaFold: z.enum(['correct', 'published']),
  layers: z.strictObject({ attention: layerWindow, mlp: layerWindow }),
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
  /** One where it is left out. */
  steps: z.int().min(1).max(1000).optional(),
});
export type PruneSettings = z.infer<typeof pruneSettingsSchema>;
