import { z } from 'zod';
import { criterionIds } from '../engine/criteria/index.ts';
import { EngineError } from '../engine/errors.ts';
import { aggregationNames } from '../engine/prune/aggregate.ts';
import {
  attentionUnits,
  dropRules,
  roundings,
  scopes,
  type PlanEdits,
  type SelectionOptions,
  type SizeTarget,
} from '../engine/prune/prune-settings.ts';
import type { Family } from '../engine/families/family.ts';
import { sizeInBytes } from './size-in-bytes.ts';

/** Of a recipe that names none, and of families that do not say otherwise. */
export const usualCriterion = 'taylor-element1';

export const defaultCriterion = (family: Family): string => family.defaultCriterion ?? usualCriterion;

const window = z
  .tuple([z.int().min(0), z.int().min(0)], { error: 'expected [from, to), for example [4, 30]' })
  .nullable();
const seed = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

const noTarget = {
  error: 'expected { parameters: N }, { bytes: a number or a size such as 4GiB } or { percent: P }',
};

/** What shall stay. */
const targetSchema = z.union(
  [
    z.strictObject({ parameters: z.int().min(1) }),
    z.strictObject({
      bytes: z.union([z.number(), z.string()]).refine((size) => sizeInBytes(size) >= 1, {
        error: 'expected a number of bytes, or a size such as 4GiB',
      }),
    }),
    z.strictObject({ percent: z.number().gt(0).lt(100) }),
  ],
  noTarget,
);

const layer = z.int().min(0).max(4095);
/** What is said of some layers, by their numbers. */
const byLayer = <T extends z.ZodType>(value: T): z.ZodRecord<z.ZodString, T> =>
  z.record(z.string().regex(/^(0|[1-9]\d{0,3})$/), value, {
    error: ({ code }) => (code === 'invalid_key' ? 'expected the number of a layer' : undefined),
  });
const layerRatios = byLayer(z.number().min(0).lt(1)).default({});

/** What a person decided about single layers. */
export const editsSchema = z.strictObject({
  exclude: z
    .strictObject({ attention: z.array(layer).default([]), mlp: z.array(layer).default([]) })
    .prefault({}),
  ratios: z.strictObject({ attention: layerRatios, mlp: layerRatios }).prefault({}),
  keep: z.strictObject({ heads: byLayer(z.array(z.int().min(0)).min(1)).default({}) }).prefault({}),
});

/** The recipe's key `prune`. */
export const pruneSchema = z.strictObject({
  mode: z.enum(['block', 'channel', 'layer', 'none']).default('block'),
  criterion: z
    .enum(criterionIds as [string, ...string[]])
    .nullable()
    .default(null),
  aggregation: z.enum(aggregationNames).default('sum'),
  ratio: z.number().default(0.25),
  target: targetSchema.nullable().default(null),
  steps: z.int().min(1).max(1000).default(1),
  unit: z.enum(attentionUnits).default('group'),
  scope: z.enum(scopes).default('local'),
  round: z.literal(roundings).default(1),
  uniform: z.boolean().default(false),
  drop: z.enum(dropRules).default('least-influence'),
  gqaFold: z.enum(['correct', 'published']).default('correct'),
  layers: z.strictObject({ attention: window.default(null), mlp: window.default(null) }).prefault({}),
  /** Left out: no layer is treated in a way of its own. */
  edits: editsSchema.optional(),
  seed: seed.default(42),
});

export type PruneRecipe = z.infer<typeof pruneSchema>;

/**
 * How a recipe wants to choose, as a run keeps it: what is at its default leaves no trace, so that a run's identity
 * stays what it was before there was a choice.
 */
export function selectionOptionsOf(prune: PruneRecipe): SelectionOptions {
  const { mode, target, unit, scope, round, uniform, drop, edits } = prune;
  if (mode === 'none') return {};
  const settled = edits && settledEdits(edits);
  return {
    ...(mode !== 'block' && { mode }),
    ...(target && { target: targetOf(target) }),
    ...(unit !== 'group' && { unit }),
    ...(scope !== 'local' && { scope }),
    ...(round !== 1 && { round }),
    ...(uniform && { uniform }),
    ...(mode === 'layer' && { drop }),
    ...(settled && hasEdits(settled) && { edits: settled }),
  };
}

/** @throws EngineError combination-unsupported for keys that mean nothing beside each other, with the reason. */
export function requireSupported(prune: PruneRecipe): void {
  const { mode, target, steps, unit, scope, round, uniform, drop, gqaFold, edits } = prune;
  if (mode === 'none') return;
  const own = edits && settledEdits(edits);
  const isEdited = own !== undefined && hasEdits(own);
  const changesUnits = own !== undefined && hasEdits({ ...own, exclude: { attention: [], mlp: [] } });
  const inMode = `prune.mode: ${mode}`;
  const refusals: readonly (readonly [isAsked: boolean, why: string])[] = [
    [
      mode !== 'block' && scope !== 'local',
      `${inMode} ranks all it may remove together: prune.scope is for blocks`,
    ],
    [
      mode !== 'block' && uniform,
      `${inMode} leaves the widths of layers as they are: prune.uniform is for blocks`,
    ],
    [
      mode === 'channel' && isEdited,
      'a hidden index goes from all layers: prune.edits do not go with prune.mode: channel',
    ],
    [
      mode === 'layer' && changesUnits,
      'whole layers go: of prune.edits, only exclude goes with prune.mode: layer',
    ],
    [mode === 'layer' && round !== 1, 'whole layers go: prune.round does not go with prune.mode: layer'],
    [
      mode === 'layer' && steps > 1,
      `layers are judged once${drop === 'last' ? ', and the last ones not at all' : ''}: prune.steps does not go with prune.mode: layer`,
    ],
    [
      mode !== 'block' && unit !== 'group',
      `${inMode} leaves query heads as they are: prune.unit is for blocks`,
    ],
    [
      unit === 'query-head' && gqaFold === 'published',
      'query heads are scored one by one, so nothing is folded: prune.gqaFold: published goes with prune.unit: group',
    ],
    [
      unit === 'query-head' && own !== undefined && Object.keys(own.keep.heads).length > 0,
      'prune.edits.keep.heads pins KV heads, and all of them stay with prune.unit: query-head',
    ],
    [
      uniform && scope !== 'local',
      `prune.scope: ${scope} gives every layer widths of its own, and prune.uniform all the same`,
    ],
    [
      scope === 'global-published' && target !== null,
      'the published ranking knows a ratio alone: for prune.target take prune.scope: global',
    ],
    [
      scope === 'global-published' && round !== 1,
      'the published ranking rounds nothing: for prune.round take prune.scope: global',
    ],
  ];
  const found = refusals.find(([isAsked]) => isAsked);
  if (found === undefined) return;
  throw new EngineError(
    'combination-unsupported',
    `These settings do not go together: ${found[1]}.`,
    {},
    'Change one of the two.',
  );
}

function targetOf(target: NonNullable<PruneRecipe['target']>): SizeTarget {
  return 'bytes' in target ? { bytes: sizeInBytes(target.bytes) } : target;
}

/** The same edits whatever the order in which they were written down. */
function settledEdits({ exclude, ratios, keep }: PlanEdits): PlanEdits {
  const ascending = (indices: readonly number[]): number[] => [...new Set(indices)].sort((a, b) => a - b);
  return {
    exclude: { attention: ascending(exclude.attention), mlp: ascending(exclude.mlp) },
    ratios,
    keep: {
      heads: Object.fromEntries(Object.entries(keep.heads).map(([at, heads]) => [at, ascending(heads)])),
    },
  };
}

function hasEdits({ exclude, ratios, keep }: PlanEdits): boolean {
  const parts = [exclude.attention, exclude.mlp, ratios.attention, ratios.mlp, keep.heads];
  return parts.some((part) => Object.keys(part).length > 0);
}
