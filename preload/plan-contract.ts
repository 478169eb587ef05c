import { z } from 'zod';
import { count, id } from './forms/values.ts';
import { pruneSettingsSchema } from './prune-contract.ts';

export const costsSchema = z.object({
  parameters: z.number(),
  macs: z.number(),
  weightBytes: z.number(),
  memoryBytes: z.number(),
});
export type Costs = z.infer<typeof costsSchema>;

export const layerShapeSchema = z.object({ heads: count, kvHeads: count, mlpWidth: count });
export type LayerShape = z.infer<typeof layerShapeSchema>;

/** What a plan takes by the scores of an earlier run; null for a layer without scores. */
const planPicksSchema = z.object({
  layers: z.array(
    z
      .object({
        /** KV groups that stay. */
        kvHeads: z.array(count),
        /** The highest score of the channels that go; null where all stay. */
        channelThreshold: z.number().nullable(),
      })
      .nullable(),
  ),
  /** The highest score of the hidden indices that go; null where none goes. */
  hiddenThreshold: z.number().nullable(),
});

/** Of the whole network; left out where no hidden index is pruned. */
export const hiddenSizeSchema = z.object({ before: count, after: count });

export const planPreviewSchema = z.object({
  before: costsSchema,
  after: costsSchema,
  ratioInWindow: z.number(),
  removedOfParameters: z.number(),
  layers: z.array(z.object({ before: layerShapeSchema, after: layerShapeSchema })),
  /**
   * Whether scores decide which layers have which widths: these are then estimates. The size stands all the same, but
   * under the published scope, where it is one too.
   */
  awaitsScores: z.boolean(),
  /** Widths, ascending, that were a multiple of 64 and will be none. */
  unevenWidths: z.array(count),
  hiddenSize: hiddenSizeSchema.optional(),
  /** Bytes of memory the run will take, about; those of its budget beside the program itself; of disk it will write. */
  memoryBytes: z.number(),
  memoryBudgetBytes: z.number(),
  diskBytes: z.number(),
  freeDiskBytes: z.number(),
  /** null where no run was named, or its scores are not those that this plan would come to. */
  picks: planPicksSchema.nullable(),
});
export type PlanPreview = z.infer<typeof planPreviewSchema>;

export const planCalls = {
  'plan:preview': {
    request: z.strictObject({
      modelId: id,
      prune: pruneSettingsSchema,
      /** A run whose scores tell which structures go. */
      scoresOf: id.nullable().optional(),
    }),
    response: planPreviewSchema,
  },
} as const;
