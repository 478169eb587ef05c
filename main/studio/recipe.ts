import { dirname, resolve } from 'node:path';
import { Document, isScalar, isSeq, parseDocument } from 'yaml';
import { z } from 'zod';
import { openForReading, readBytes } from '../engine/checkpoint/read-bytes.ts';
import { criterionIds } from '../engine/criteria/index.ts';
import { templateNames } from '../engine/dataset/prompt-template.ts';
import { EngineError } from '../engine/errors.ts';
import { taskIds } from '../engine/evaluate/tasks/index.ts';
import { aggregationNames } from '../engine/prune/aggregate.ts';
import { scheduleNames } from '../engine/recover/schedule.ts';
import { pruningStages, type RunStage } from '../engine/run.ts';
import { baseTypes } from '../engine/runtime/frozen-base.ts';
import { costSettingsSchema } from '../../preload/forms/cost-report.ts';
import { pruneSchema, usualCriterion } from './prune-recipe.ts';
import { sizeInBytes } from './size-in-bytes.ts';

const seed = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
/** More rows than a calibration or an evaluation can use, and few enough to be held. */
const count = z.int().min(1).max(1e6);
const seqLen = z
  .int()
  .min(2)
  .max(2 ** 20);

const notASize = { error: 'expected auto, or a size such as 4GiB' };

/** A memory budget: auto, a number of bytes, or a size such as 4GiB. */
export const memorySize = z
  .union([z.number(), z.string()], notASize)
  .refine((size) => size === 'auto' || sizeInBytes(size) >= 1, notASize);

/** What a person may ask for; auto takes a graphics card where one passes its test. */
export const deviceChoices = ['auto', 'cpu', 'webgpu'] as const;
export type DeviceWish = (typeof deviceChoices)[number];

/** What a model is asked in words, with the number of right answers as its score. */
const tasksSchema = z.strictObject({
  names: z
    .array(z.enum(taskIds as [string, ...string[]]))
    .min(1, { error: 'expected at least one task' })
    .refine((names) => new Set(names).size === names.length, { error: 'a task is named twice' }),
  data: z.string({ error: 'expected the path of a folder with the data of the tasks' }).min(1),
  fewShot: z.int().min(0).max(100).default(0),
  bos: z.boolean().default(false),
  limit: count.nullable().default(null),
});

const path = z.string().min(1);
const noText = { error: 'expected the path of a text, or a list of them' };

const rate = z.number().positive().max(1);
/** More rows a step than anyone trains with, and few enough that a dropout mask tells them apart. */
const rowCount = z.int().min(1).max(65536);
const stepCount = z.int().min(1).max(1e6);

const { batchSizes, promptLengths, newTokens, repeats } = costSettingsSchema.shape;

/** How models are timed beside each other. */
export const costSchema = z.strictObject({
  batchSizes: batchSizes.default([1]),
  promptLengths: promptLengths.default([128]),
  newTokens: newTokens.default(32),
  repeats: repeats.default(7),
});

/** What brings a pruned model back: a low-rank adapter, trained and merged. */
const recoverSchema = z.strictObject({
  data: z.string({ error: 'expected the path of a file to train on' }).min(1),
  template: z.string().min(1).default('alpaca'),
  cutoff: seqLen.default(256),
  maxRows: count.nullable().default(null),
  trainOnInputs: z.boolean().default(false),
  lora: z
    .strictObject({
      rank: z.int().min(1).max(1024).default(8),
      alpha: z.number().positive().default(16),
      dropout: z.number().min(0).lt(1).default(0.05),
      targets: z.union([z.literal('all-linear'), z.array(z.string()).min(1)]).default('all-linear'),
    })
    .prefault({}),
  epochs: z.number().positive().max(1000).default(2),
  steps: stepCount.nullable().default(null),
  batchSize: rowCount.default(64),
  microBatch: rowCount.nullable().default(null),
  learningRate: rate.default(1e-4),
  schedule: z.enum(scheduleNames).default('linear'),
  warmupSteps: z.int().min(0).max(1e6).default(100),
  weightDecay: z.number().min(0).max(1).default(0),
  maxGradNorm: z.number().positive().default(1),
  seed: seed.default(42),
  validation: z
    .strictObject({
      rows: z.int().min(0).max(1e6).nullable().default(null),
      everySteps: stepCount.default(100),
      patience: stepCount.nullable().default(null),
    })
    .prefault({}),
  checkpoint: z
    .strictObject({ everySteps: stepCount.default(100), everyMinutes: z.number().positive().default(10) })
    .prefault({}),
  base: z.enum(baseTypes).default('stored'),
  output: z.enum(['merged', 'adapter']).default('merged'),
  control: z.boolean().default(false),
});

/** What a run is asked to do: the file a person writes, keeps and shares. */
const recipeSchema = z.strictObject({
  model: z.string({ error: 'expected the path of a model folder' }).min(1),
  prune: pruneSchema.prefault({}),
  calibration: z
    .strictObject({
      source: z.string().min(1).nullable().default(null),
      samples: count.nullable().default(null),
      seqLen: seqLen.default(64),
      seed: seed.default(42),
    })
    .prefault({}),
  evaluate: z
    .strictObject({
      text: z
        .union([path, z.array(path).min(1, noText)], noText)
        .nullable()
        .default(null),
      seqLen: seqLen.default(128),
      samples: count.nullable().default(null),
      tasks: tasksSchema.nullable().default(null),
      cost: costSchema.nullable().default(null),
    })
    .prefault({}),
  device: z.enum(deviceChoices).default('auto'),
  memory: memorySize.default('auto'),
  /** Left out: the run ends with the pruned model. */
  recover: recoverSchema.optional(),
});

export type Recipe = z.infer<typeof recipeSchema>;
export type RecoverRecipe = z.infer<typeof recoverSchema>;

/** One line on each key, written beside it by `formatRecipe`. */
const remarks: readonly (readonly [path: readonly string[], remark: string])[] = [
  [['model'], 'folder with config.json, weights (safetensors or .bin) and tokenizer'],
  [['prune', 'mode'], 'block (heads and MLP channels), channel (the hidden axis), layer, none'],
  [['prune', 'criterion'], `${criterionIds.join(', ')}; null: the one that suits the family`],
  [['prune', 'aggregation'], aggregationNames.join(', ')],
  [['prune', 'ratio'], 'inside the layers below; `plan` shows the percent of all parameters'],
  [['prune', 'target'], 'in place of a ratio: { parameters: N }, { bytes: 4GiB } or { percent: 80 }'],
  [['prune', 'steps'], 'more than 1: in equal parts of the ratio, each scored anew on texts of its own'],
  [['prune', 'unit'], 'group, or query-head: where query heads share a KV head, one of each KV head'],
  [['prune', 'scope'], 'local, global (by score a parameter), global-published'],
  [['prune', 'round'], 'MLP widths are multiples of 1, 8, 64 or 256'],
  [['prune', 'uniform'], 'the same widths in all layers: loads everywhere'],
  [['prune', 'drop'], 'mode layer: least-influence, or last as published'],
  [['prune', 'gqaFold'], 'correct, or published: the published code pairs query and KV heads differently'],
  [['prune', 'layers', 'attention'], '[from, to); null: the window that scales with depth'],
  [['prune', 'layers', 'mlp'], '[from, to); null: the window that scales with depth'],
  [['calibration', 'source'], 'text; JSONL, JSON or Parquet with "text", Alpaca rows or "input_ids"'],
  [['calibration', 'samples'], 'null: 10 of a text, every row of input_ids'],
  [['evaluate', 'text'], 'text, JSONL or Parquet for perplexity, or a list of them; null: none'],
  [['evaluate', 'samples'], 'null: all'],
  [['evaluate', 'tasks'], 'zero-shot tasks; null: none'],
  [['evaluate', 'tasks', 'names'], taskIds.join(', ')],
  [['evaluate', 'tasks', 'data'], 'folder with the data sets as the hub has them'],
  [['evaluate', 'tasks', 'fewShot'], 'worked examples in front of each question'],
  [['evaluate', 'tasks', 'bos'], 'a BOS in front, as the harness since 0.4.10; the paper had none'],
  [['evaluate', 'tasks', 'limit'], 'first questions of each task; null: all'],
  [['evaluate', 'cost'], 'times original and pruned in turn, e.g. { batchSizes: [1, 4] }; null: not'],
  [['device'], 'auto (a graphics card that passes its test, or the processor), cpu, webgpu'],
  [['memory'], 'auto (half of this machine), or a size such as 4GiB'],
  [['recover', 'data'], 'Alpaca, LaMini or ShareGPT rows (JSON, JSONL, Parquet), or text'],
  [['recover', 'template'], `${templateNames.join(', ')}, or a file like those`],
  [['recover', 'cutoff'], 'tokens a row has at most'],
  [['recover', 'maxRows'], 'null: all'],
  [['recover', 'trainOnInputs'], 'whether prompts are learnt too'],
  [['recover', 'lora', 'targets'], 'all-linear, or names such as [q_proj, v_proj]'],
  [['recover', 'steps'], 'null: by the epochs'],
  [['recover', 'batchSize'], 'rows a step'],
  [['recover', 'microBatch'], 'rows that go through a layer together; null: as fit the memory'],
  [['recover', 'schedule'], `${scheduleNames.join(', ')}: how the rate falls after the warm-up`],
  [['recover', 'validation', 'rows'], 'null: a twentieth, at most 2000'],
  [['recover', 'validation', 'patience'], 'validations without a better one before it ends; null: never'],
  [['recover', 'base'], 'stored, or int8: the frozen weights in 8 bits while training'],
  [['recover', 'output'], 'merged, or adapter (PEFT)'],
  [['recover', 'control'], 'train the unpruned model the same way, and measure it'],
];

/** Where a recipe keeps paths. */
const pathKeys: readonly (readonly string[])[] = [
  ['model'],
  ['calibration', 'source'],
  ['evaluate', 'text'],
  ['evaluate', 'tasks', 'data'],
  ['recover', 'data'],
  ['recover', 'template'],
];

/**
 * Reads a recipe file; relative paths in it are relative to its folder. `--set key=value` comes on top, with paths
 * relative to `workingFolder`.
 * @throws EngineError file-missing, file-unreadable, recipe-invalid naming the key.
 */
export async function readRecipe(
  file: string | undefined,
  settings: readonly string[],
  workingFolder: string,
): Promise<Recipe> {
  const tree = file === undefined ? {} : await readTree(resolve(workingFolder, file));
  if (file !== undefined) absolutePaths(tree, dirname(resolve(workingFolder, file)));
  for (const setting of settings) {
    const one = settingTree(setting);
    absolutePaths(one, workingFolder);
    merge(tree, one);
  }
  return checkRecipe(tree, file ?? 'the recipe');
}

/** @throws EngineError recipe-invalid naming the first key that does not fit. */
export function checkRecipe(tree: unknown, name: string): Recipe {
  const checked = recipeSchema.safeParse(tree);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  const key = issue.path.join('.') || '(the whole recipe)';
  throw invalid(name, `${key}: ${issue.message}`, 'See every key with: llm-pruner run --print-recipe', {
    key,
  });
}

/** The stages that a run of the recipe goes through. */
export function stagesOf({ prune, recover, evaluate }: Recipe): RunStage[] {
  const pruning = prune.mode === 'none' ? (['evaluate-before'] as const) : pruningStages;
  const control = recover?.control ? (['recover-control', 'evaluate-control'] as const) : [];
  return [
    ...pruning,
    ...(recover ? (['recover', 'evaluate-recovered', ...control] as const) : []),
    ...(evaluate.cost ? (['measure-cost'] as const) : []),
  ];
}

/** What a run's structures are judged by: a criterion, for whole layers their own rule, `none` where none goes. */
export function judgedBy({ mode, criterion, drop }: Recipe['prune']): string {
  if (mode === 'none') return 'none';
  // The recipe that a run keeps names its criterion.
  return mode === 'layer' ? drop : (criterion ?? usualCriterion);
}

/** The recipe as YAML with a remark on each key that needs one. */
export function formatRecipe(recipe: Partial<Recipe>): string {
  const document = new Document(recipe);
  for (const [path, remark] of remarks) {
    const node: unknown = document.getIn(path, true);
    if (isSeq(node)) node.flow = true;
    if (isScalar(node) || isSeq(node)) node.comment = ` ${remark}`;
  }
  return document.toString({ flowCollectionPadding: false, lineWidth: 0 });
}

/** A recipe with every default and no model yet: what `--print-recipe` shows when given nothing. */
export function defaultRecipe(): Recipe {
  return recipeSchema.parse({ model: 'path/to/model' });
}

type Tree = Record<string, unknown>;

/** A recipe has a few hundred bytes; more is another file. */
const maxRecipeBytes = 2 ** 20;

async function readTree(file: string): Promise<Tree> {
  const tree = parseYaml(await readText(file), (why) => invalid(file, why));
  if (isTree(tree)) return tree;
  throw invalid(file, 'expected keys such as "model" and "prune", found none');
}

async function readText(file: string): Promise<string> {
  const { handle, sizeBytes } = await openForReading(file);
  try {
    if (sizeBytes > maxRecipeBytes) {
      throw invalid(file, `it has ${sizeBytes} bytes, and a recipe has at most ${maxRecipeBytes}`);
    }
    const bytes = await readBytes(handle, file, 0, sizeBytes);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw error instanceof TypeError ? invalid(file, 'it is not UTF-8 text') : error;
  } finally {
    await handle.close();
  }
}

/** The value of a YAML text; throws `error` for what the parser refuses, aliases that unfold without end among it. */
export function parseYaml(text: string, error: (why: string) => EngineError): unknown {
  const document = parseDocument(text, { prettyErrors: true });
  const [problem] = document.errors;
  if (problem !== undefined) throw error(problem.message.split('\n')[0].replace(/:$/, ''));
  try {
    return document.toJS({ maxAliasCount: 10 });
  } catch (reason) {
    if (reason instanceof ReferenceError || reason instanceof RangeError) throw error(reason.message);
    throw reason;
  }
}

/** prune.ratio=0.5 as { prune: { ratio: 0.5 } }; the value is read as YAML. */
function settingTree(setting: string): Tree {
  const at = setting.indexOf('=');
  if (at < 1) throw invalid('--set', `"${setting}" is not key=value`, 'For example: --set prune.ratio=0.5');
  const value = parseYaml(setting.slice(at + 1), (why) => invalid('--set', `"${setting}": ${why}`));
  const keys = setting.slice(0, at).split('.');
  return keys.reduceRight<unknown>((tree, key) => ({ [key]: tree }), value) as Tree;
}

function merge(into: Tree, from: Tree): void {
  for (const [key, value] of Object.entries(from)) {
    // Own keys alone: "__proto__" is a key like any other, and leads to no prototype.
    const known = Object.hasOwn(into, key) ? into[key] : undefined;
    if (isTree(known) && isTree(value)) merge(known, value);
    else Object.defineProperty(into, key, { value, enumerable: true, writable: true, configurable: true });
  }
}

function absolutePaths(tree: Tree, folder: string): void {
  for (const path of pathKeys) {
    const parent = path.slice(0, -1).reduce<unknown>((at, key) => (isTree(at) ? at[key] : undefined), tree);
    const key = path[path.length - 1];
    if (!isTree(parent)) continue;
    const value = parent[key];
    const isBundled = key === 'template' && templateNames.includes(value as string);
    if (typeof value === 'string' && !isBundled) parent[key] = resolve(folder, value);
    if (Array.isArray(value))
      parent[key] = value.map((one: unknown) => (typeof one === 'string' ? resolve(folder, one) : one));
  }
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(name: string, why: string, hint?: string, facts: Record<string, string> = {}): EngineError {
  return new EngineError('recipe-invalid', `${name}: ${why}`, { recipe: name, ...facts }, hint);
}
