import { EngineError } from './errors.ts';
import { requireKnownIds } from './dataset/token-rows.ts';
import type { ChatTemplateName } from './generate/built-in-templates.ts';
import { loadChatTemplate, noTemplate, type ChatMessage } from './generate/chat-template.ts';
import { encodeChat, stopTokenIds } from './generate/encode-chat.ts';
import { readEndTokens } from './generate/end-tokens.ts';
import {
  generate,
  type Generated,
  type GenerationProgress,
  type GenerationSettings,
} from './generate/generate.ts';
import { sessionOptions } from './measure-model.ts';
import { Decoder } from './runtime/decoder.ts';
import { openDecodingWeights, type DecodingPlan } from './runtime/decoding-plan.ts';
import type { ComputeDevice } from './runtime/device.ts';
import type { MemoryPlan } from './runtime/memory-plan.ts';
import { openModel } from './runtime/model.ts';
import { Network } from './runtime/network.ts';
import type { Pace } from './runtime/pace.ts';
import { loadTokenizer, type Tokenizer } from './tokenizer/tokenizer.ts';

/** Text to be continued as it is, or messages for the model's chat template. */
export type GenerationPrompt =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'chat';
      readonly messages: readonly ChatMessage[];
      /** A built-in template instead of the model's own. */
      readonly template?: ChatTemplateName;
    };

export interface GenerationRequest {
  /** Folder. */
  readonly model: string;
  readonly prompt: GenerationPrompt;
  readonly settings: GenerationSettings;
}

/** What a generation may use of the machine. */
export interface DecodingShare {
  readonly threads: number;
  readonly plan: DecodingPlan;
  readonly device: ComputeDevice;
}

/**
 * Opens a model and continues a prompt with it.
 * @throws EngineError as openModel and loadTokenizer; template-missing, template-invalid; prompt-empty, prompt-too-long.
 */
export async function generateText(
  { model: folder, prompt, settings }: GenerationRequest,
  { threads, plan, device }: DecodingShare,
  hear: (progress: GenerationProgress) => void,
  pace: Pace,
): Promise<Generated> {
  const model = await openModel(folder);
  try {
    const { baseFolder } = model;
    const tokenizer = await loadTokenizer(baseFolder);
    const { ids, stopTokens } = await encodedPrompt(baseFolder, prompt, tokenizer);
    const { vocabSize, maxPositions } = model.config;
    requireKnownIds(vocabSize, ids, folder, false);
    requireRoom(ids.length, maxPositions);
    const ownEnds = await readEndTokens(baseFolder, model.config.source);
    const endTokens = new Set([...ownEnds, ...stopTokens]);
    const weights = openDecodingWeights(model.checkpoint, plan, device.kind);
    const network = new Network(model, weights, sessionOptions({ threads, memory: plan.memory, device }));
    try {
      if (plan.memory.residency !== 'stream')
        await load(network, plan.memory, tokenizer.marks?.ids ?? ids.slice(0, 1), pace);
      const decoder = new Decoder(network, 1, plan.memory);
      return await generate({ decoder, tokenizer, endTokens, maxPositions }, ids, settings, hear, pace);
    } finally {
      await network.release();
      weights.release();
    }
  } finally {
    await model.checkpoint.close();
  }
}

/** Reads what is kept and compiles the sessions, so that the time of the prompt is its own. */
async function load(network: Network, memory: MemoryPlan, ids: readonly number[], pace: Pace): Promise<void> {
  await new Decoder(network, 1, memory).advance(Int32Array.from(ids), { ...pace, report: () => undefined });
}

interface EncodedPrompt {
  readonly ids: number[];
  /** Ids that end an answer, besides the model's own. */
  readonly stopTokens: readonly number[];
}

async function encodedPrompt(
  folder: string,
  prompt: GenerationPrompt,
  tokenizer: Tokenizer,
): Promise<EncodedPrompt> {
  if (prompt.kind === 'text') return { ids: tokenizer.encode(prompt.text), stopTokens: [] };
  const template = await loadChatTemplate(folder, prompt.template);
  if (!template) throw noTemplate(folder);
  const ids = encodeChat(template, prompt.messages, tokenizer);
  return { ids, stopTokens: stopTokenIds(template, tokenizer) };
}

function requireRoom(tokens: number, maxPositions: number): void {
  if (tokens === 0) {
    throw new EngineError(
      'prompt-empty',
      'The prompt has no tokens, and a model needs one to begin with.',
      {},
      'Give at least a word.',
    );
  }
  if (tokens < maxPositions) return;
  throw new EngineError(
    'prompt-too-long',
    `The prompt has ${tokens} tokens; the model has positions for ${maxPositions}, prompt and text together.`,
    { tokens, maxPositions },
    'Shorten the prompt.',
  );
}
