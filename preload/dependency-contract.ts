/** The dependency explorer's calls: which weights a model has, and what a row or column of one pulls along. */
import { z } from 'zod';
import { count, id } from './forms/values.ts';

/** A tensor's or a node's name. */
const name = z.string().min(1).max(300);
/** Indices from the first up to, but not with, the second. */
const range = z.tuple([count, count]);

/** A decoder layer, or what comes before or after them all. */
const placeSchema = z.union([count, z.enum(['embedding', 'head'])]);
export type Place = z.infer<typeof placeSchema>;

const weightSchema = z.object({
  name,
  /** The name without the layer's prefix. */
  label: z.string(),
  shape: z.array(count),
});

/** A structure of a layer that the map shows: where its first one begins, and how many rows one has. */
const structureSchema = z.object({ param: name, rowsPerUnit: count });

/** The weights that a chain can start from. */
export const dependencyWeightsSchema = z.object({
  parts: z.array(
    z.object({
      place: placeSchema,
      weights: z.array(weightSchema),
      /** The rows that open a KV group and an MLP channel; null outside of the layers. */
      structures: z.object({ heads: structureSchema, channels: structureSchema }).nullable(),
    }),
  ),
});
export type DependencyWeights = z.infer<typeof dependencyWeightsSchema>;
export type DependencyPart = DependencyWeights['parts'][number];

const chainRequestSchema = z.strictObject({
  modelId: id,
  param: name,
  dim: z.int().min(0).max(1),
  index: count,
  /** The layer to show op by op where the chain goes through several. */
  openLayer: count,
});

const memberSchema = z.object({
  name,
  /** 'batch' and 'sequence' stand for themselves. */
  shape: z.array(z.union([count, z.string()])),
  dim: count,
  /** Indices of that dimension that go. */
  ranges: z.array(range),
});

const collapsedMemberSchema = memberSchema.extend({
  label: z.string(),
  /** Layers that have it alike. */
  layers: count,
});
export type ChainMember = z.infer<typeof collapsedMemberSchema>;

const vertexSchema = z.object({
  id: z.string(),
  /** The op's type, or `layers`. */
  op: z.string(),
  place: z.union([placeSchema, range]),
  params: z.array(collapsedMemberSchema),
  activation: memberSchema.nullable(),
  /** Edges from the chosen weight. */
  step: count,
  /** Whether the paper's rule alone comes here. */
  byRule: z.boolean(),
  inDegree: count,
  outDegree: count,
  /** Vertices that it stands for: more than one where layers are collapsed. */
  stands: count,
});
export type ChainVertex = z.infer<typeof vertexSchema>;

const edgePartSchema = z.object({
  from: z.string(),
  to: z.string(),
  travelled: z.enum(['forward', 'backward']),
  /**
   * forward: the consumer's in-degree is 1. backward: the producer's out-degree is 1. beyond: neither in the direction
   * of travel, and the indices are the same all the same. shared: one tensor that is used twice.
   */
  rule: z.enum(['forward', 'backward', 'beyond', 'shared']),
  outDegree: count,
  inDegree: count,
});
export type ChainEdgePart = z.infer<typeof edgePartSchema>;

const edgeSchema = z.object({
  id: z.string(),
  from: z.string(),
  to: z.string(),
  parts: z.array(edgePartSchema).min(1),
});
export type ChainEdge = z.infer<typeof edgeSchema>;

export const chainSchema = z.object({
  /** The structure that the chosen index belongs to; null where nothing goes. */
  unit: z.object({ index: count, count }).nullable(),
  /** Why nothing goes, or why the structure goes as a whole: reasons as the engine gives them. */
  locks: z.array(z.string()),
  vertices: z.array(vertexSchema),
  edges: z.array(edgeSchema),
  /** Weights that lose something; those that the paper's rule alone would come to. */
  weightCount: count,
  weightsByRule: count,
  /** Numbers of the model that go. */
  parameters: z.number(),
  /** What the model map shows of it. */
  lit: z.object({
    layers: z.array(count),
    embedding: z.boolean(),
    head: z.boolean(),
    /** The KV group that goes, or the MLP channel; null where the chain is another one. */
    kvHead: count.nullable(),
    channel: count.nullable(),
  }),
});
export type Chain = z.infer<typeof chainSchema>;

export const dependencyCalls = {
  'dependency:weights': { request: z.strictObject({ modelId: id }), response: dependencyWeightsSchema },
  'dependency:chain': { request: chainRequestSchema, response: chainSchema },
} as const;
