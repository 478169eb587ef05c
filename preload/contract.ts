/**
 * What the window and main say to each other. Every call and every stream is listed once, here or in the contract of
 * its subject, with a schema for each direction; main checks them together with the sender, and the bridge offers nothing else. The window never names a
 * path: it holds ids of files and folders that the person picked, dropped, or that the studio brought.
 */
import { z } from 'zod';
import { comparisonExportSchema, comparisonRequestSchema, comparisonSchema } from './comparison-contract.ts';
import { dependencyCalls } from './dependency-contract.ts';
import { generationCalls, generationStreams } from './generation-contract.ts';
import { pickedSchema, type Picked } from './forms/picked.ts';
import type { StudioError } from './forms/studio-error.ts';
import { count, id, layerWindow } from './forms/values.ts';
import { costsSchema, layerShapeSchema, planCalls } from './plan-contract.ts';
import { criterionSchema, pruneSettingsSchema } from './prune-contract.ts';
import { recoverSettingsSchema, trainingForecastSchema, trainingPreviewSchema } from './recovery-contract.ts';
import { runCalls, runStreams } from './run-contract.ts';
import { textCalls } from './text-contract.ts';

export type { Picked } from './forms/picked.ts';
export type { StudioError } from './forms/studio-error.ts';
export type { Costs, LayerShape, PlanPreview } from './plan-contract.ts';
export type { PruneSettings } from './prune-contract.ts';
export type {
  RunSettings,
  RunStage,
  RunState,
  RunReport,
  RunAnnotation,
  DeletedRun,
  PerplexityProtocol,
  RunSummary,
  RunProgress,
  RunDetail,
} from './run-contract.ts';
export type {
  CalibrationSettings,
  TasksSettings,
  EvaluationSettings,
  TextPreview,
  TextMeasure,
} from './text-contract.ts';

/** A model folder as its files tell it. */
export const modelSummarySchema = z.object({
  model: pickedSchema,
  family: z.string(),
  hasWeights: z.boolean(),
  /** `torch`: pytorch_model.bin and its shards; null without weights. */
  weightFormat: z.enum(['safetensors', 'torch']).nullable(),
  hasTokenizer: z.boolean(),
  costs: costsSchema,
  hiddenSize: count,
  headDim: count,
  vocabSize: count,
  tiedEmbeddings: z.boolean(),
  layers: z.array(layerShapeSchema),
  defaultWindow: layerWindow,
  /** The one that suits the model's family. */
  defaultCriterion: criterionSchema,
  /** Whether tasks can be asked of it. */
  takesTasks: z.boolean(),
  /** The linear weights of a layer that can have an adapter. */
  adapterTargets: z.array(z.string()),
});
export type ModelSummary = z.infer<typeof modelSummarySchema>;

const deviceWishSchema = z.enum(['auto', 'cpu', 'webgpu']);

/** What a wish for a device comes to on this machine. */
export const deviceChoiceSchema = z.object({
  /** The graphics card's name; null for the processor. */
  card: z.string().nullable(),
  /** Why it is the processor where that was not asked for: a code, and the same in English. */
  why: z.object({ code: z.string(), text: z.string() }).nullable(),
});
export type DeviceChoice = z.infer<typeof deviceChoiceSchema>;

export const settingsSchema = z.strictObject({
  language: z.enum(['system', 'en', 'zh-CN']),
  theme: z.enum(['system', 'light', 'dark']),
  /** What new runs compute on. */
  device: deviceWishSchema,
});
export type Settings = z.infer<typeof settingsSchema>;

export const appInfoSchema = z.object({
  version: z.string(),
  platform: z.string(),
  /** The system's language, as BCP 47. */
  locale: z.string(),
  threads: count,
  totalMemoryBytes: z.number(),
  runsFolder: z.string(),
  /** Ids of the model families that can be opened. */
  familyIds: z.array(z.string()),
  /** Ids of the tasks that a model can be asked. */
  taskIds: z.array(z.string()),
  electron: z.string(),
});
export type AppInfo = z.infer<typeof appInfoSchema>;

interface Call {
  readonly request: z.ZodType;
  readonly response: z.ZodType;
}

const nothing = z.undefined();

/** Every call from the window to main, by channel. */
export const calls = {
  'app:info': { request: nothing, response: appInfoSchema },
  'settings:get': { request: nothing, response: settingsSchema },
  /** Tests the graphics card when first asked, in a process of its own. */
  'device:find': { request: z.strictObject({ device: deviceWishSchema }), response: deviceChoiceSchema },
  'settings:set': { request: settingsSchema.partial(), response: settingsSchema },
  /** Opens the system's folder dialog; null when the person closes it. */
  'model:pick': { request: nothing, response: pickedSchema.nullable() },
  'model:demo': { request: nothing, response: pickedSchema },
  'model:recent': { request: nothing, response: z.array(pickedSchema) },
  'model:inspect': { request: z.strictObject({ modelId: id }), response: modelSummarySchema },
  ...planCalls,
  ...textCalls,
  'recovery:preview': {
    request: z.strictObject({ modelId: id, recover: recoverSettingsSchema }),
    response: trainingPreviewSchema,
  },
  /** Computes for some seconds, in a process of its own; a later request ends an earlier one (code `superseded`). */
  'recovery:estimate': {
    request: z.strictObject({ modelId: id, prune: pruneSettingsSchema, recover: recoverSettingsSchema }),
    response: trainingForecastSchema,
  },
  /** Models of finished runs and picked folders side by side. */
  'compare:models': { request: comparisonRequestSchema, response: comparisonSchema },
  /** Opens the system's dialog and writes the comparison there; null when the person closes it. */
  'compare:export': { request: comparisonExportSchema, response: z.object({ path: z.string().nullable() }) },
  ...runCalls,
  ...dependencyCalls,
  ...generationCalls,
} as const satisfies Record<string, Call>;

export type CallName = keyof typeof calls;
export type CallRequest<N extends CallName> = z.infer<(typeof calls)[N]['request']>;
export type CallResponse<N extends CallName> = z.infer<(typeof calls)[N]['response']>;

/** Every stream from main to the window, by channel. */
export const streams = {
  ...runStreams,
  'settings:changed': settingsSchema,
  ...generationStreams,
} as const satisfies Record<string, z.ZodType>;

export type StreamName = keyof typeof streams;
export type StreamMessage<N extends StreamName> = z.infer<(typeof streams)[N]>;

/** How main answers a call: an error is an answer too, never a rejected promise without a code. */
export type Answer<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: StudioError };

/** What the bridge puts on `window.studio`. */
export interface StudioBridge {
  call<N extends CallName>(name: N, request: CallRequest<N>): Promise<Answer<CallResponse<N>>>;
  /** Grants a dropped file or folder: its path is read from the File itself, in the bridge. */
  dropped(file: File): Promise<Answer<Picked>>;
  /** @returns how to stop listening. */
  listen<N extends StreamName>(name: N, listener: (message: StreamMessage<N>) => void): () => void;
}
