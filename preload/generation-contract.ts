/** What the window and main say to each other about generating text with models side by side. */
import { z } from 'zod';
import { count, id } from './forms/values.ts';

/** A model that generates: one that was picked, or one of a run's. `recovered` needs a run whose output is merged. */
const generationSourceSchema = z.union([
  z.strictObject({ modelId: id }),
  z.strictObject({ runId: id, which: z.enum(['original', 'pruned', 'recovered']) }),
]);
export type GenerationSource = z.infer<typeof generationSourceSchema>;

/** Sources next to each other; more do not fit a screen. */
const sources = z.array(generationSourceSchema).min(1).max(6);

/** Characters of a prompt: beyond any context length, and little enough for a message. */
const promptText = z.string().max(2_000_000);

const chatMessageSchema = z.strictObject({
  role: z.enum(['system', 'user', 'assistant']),
  content: promptText,
});

/** Text as it is, to be continued; or messages, which each model's own chat template makes a prompt of. */
const generationPromptSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('text'), text: promptText.min(1) }),
  z.strictObject({ kind: z.literal('chat'), messages: z.array(chatMessageSchema).min(1).max(1000) }),
]);
export type GenerationPrompt = z.infer<typeof generationPromptSchema>;

/** How the next token is drawn; applied in transformers' order: penalty, temperature, top-k, top-p. */
const samplingSchema = z.strictObject({
  /** 0 takes the most probable token each time. */
  temperature: z.number().min(0).max(100),
  /** 0: every token. */
  topK: z.int().min(0).max(1_000_000),
  /** The fewest tokens that have this much of the probability together; 1: every token. */
  topP: z.number().gt(0).max(1),
  /** Tokens of prompt and text lose by this factor; 1: none. */
  repetitionPenalty: z.number().gt(0).max(10),
  maxNewTokens: z.int().min(1).max(131_072),
  /** The text ends before any of these. */
  stop: z.array(z.string().min(1).max(1000)).max(16),
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
});
export type Sampling = z.infer<typeof samplingSchema>;

/** What a source can do, before it is asked to. */
const generationSourceInfoSchema = z.object({
  name: z.string(),
  /** Folder, to be shown. */
  path: z.string(),
  hasTokenizer: z.boolean(),
  /** Without one it can only continue text. */
  hasChatTemplate: z.boolean(),
  /** Tokens of prompt and text together. */
  maxPositions: count,
  /** Bytes its process will take, about. */
  memoryBytes: z.number(),
});

/** `waiting`: for memory, until an earlier source has ended; `loading`: weights and prompt. */
const generationStateSchema = z.enum(['waiting', 'loading', 'running', 'done', 'stopped', 'failed']);

/** How a text ended: the model's end token, a stop string, maxNewTokens, or the end of its context. */
const generationEndSchema = z.enum(['end-token', 'stop-string', 'max-tokens', 'context-full']);

/** News of one source of a generation. Texts are put together from the deltas, in order. */
const generationEventSchema = z.object({
  generationId: id,
  /** Of the source, in the request. */
  index: count,
  state: generationStateSchema,
  /** Text since the last event; whole characters only. */
  delta: z.string(),
  /** Of the rendered prompt; null until it is known. */
  promptTokens: count.nullable(),
  /** New tokens so far. */
  tokens: count,
  /** Of reading the prompt; null until it was read. */
  prefillTokensPerSecond: z.number().nullable(),
  /** Of the new tokens so far; null before the second. */
  tokensPerSecond: z.number().nullable(),
  /** Set once `done`. */
  endedBy: generationEndSchema.nullable(),
  /** Set once `failed`. */
  error: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() }).nullable(),
});
export type GenerationEvent = z.infer<typeof generationEventSchema>;

const nothing = z.undefined();

export const generationCalls = {
  /** What each source can do, in order. Refused as a whole where one is not known. */
  'generation:describe': {
    request: z.strictObject({ sources }),
    response: z.array(generationSourceInfoSchema),
  },
  /**
   * Starts all sources on one prompt, each in a process of its own: next to each other where memory allows, else one
   * after the other. Answers at once; `generation:event` tells the rest. A source that fails does not stop the others.
   */
  'generation:start': {
    request: z.strictObject({ sources, prompt: generationPromptSchema, sampling: samplingSchema }),
    response: z.object({ generationId: id }),
  },
  /** Stops after the current token: one source, or all of them. Nothing happens to what has ended. */
  'generation:stop': {
    request: z.strictObject({ generationId: id, index: count.optional() }),
    response: nothing,
  },
} as const;

export const generationStreams = {
  'generation:event': generationEventSchema,
} as const;
