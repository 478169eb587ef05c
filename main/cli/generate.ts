import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type { ChatTemplateName } from '../engine/generate/built-in-templates.ts';
import type { Generated, GenerationSettings } from '../engine/generate/generate.ts';
import type { GenerationPrompt } from '../engine/generation.ts';
import { planDecoding } from '../engine/runtime/decoding-plan.ts';
import { inspectModel } from '../studio/inspect-model.ts';
import type { DeviceWish } from '../studio/recipe.ts';
import { memoryBudget } from '../studio/resolve-recipe.ts';
import { startJob } from '../worker/host.ts';
import { deviceFor, interruptible, unfinished, type CommonOptions } from './commands.ts';
import { exitCode, type ExitCode } from './output.ts';
import { grouped } from './quantities.ts';

export interface GenerateOptions extends CommonOptions, GenerationSettings {
  readonly prompt: string;
  readonly chat: boolean;
  readonly system?: string;
  readonly template?: ChatTemplateName;
  readonly memory: number | string;
  readonly device: DeviceWish;
}

/** llm-pruner generate MODEL --prompt TEXT: the text on stdout as it comes, how fast it came on stderr. */
export async function generateCommand(folder: string, options: GenerateOptions): Promise<ExitCode> {
  const { json } = options;
  const model = await inspectModel(resolve(folder));
  const device = await deviceFor(options.device);
  const costs = model.costsWith(model.config);
  const prompt = promptOf(options);
  let shown = '';
  const job = startJob(
    {
      kind: 'generate',
      model: model.folder,
      prompt,
      settings: settingsOf(options),
      threads: availableParallelism(),
      plan: planDecoding(model.config, costs, memoryBudget(options), device.kind),
      device,
    },
    (event) => {
      if (event.type !== 'text' || json) return;
      shown += event.delta;
      process.stdout.write(event.delta);
    },
  );
  const outcome = await interruptible(job, 'stopping after the current token');
  if (outcome.kind !== 'done') {
    if (shown !== '') process.stdout.write('\n');
    return unfinished(outcome, json);
  }
  const { result } = outcome;
  process.stdout.write(
    json
      ? `${JSON.stringify(documentOf(model.folder, prompt, result), null, 2)}\n`
      : `${result.text.slice(shown.length)}\n`,
  );
  process.stderr.write(`${statistics(result)}\n`);
  return exitCode.done;
}

function promptOf({ prompt, chat, system, template }: GenerateOptions): GenerationPrompt {
  if (!chat) return { kind: 'text', text: prompt };
  const first = system === undefined ? [] : [{ role: 'system', content: system } as const];
  const messages = [...first, { role: 'user', content: prompt } as const];
  return { kind: 'chat', messages, ...(template !== undefined && { template }) };
}

function settingsOf(options: GenerateOptions): GenerationSettings {
  const { temperature, topK, topP, repetitionPenalty, seed, maxNewTokens, stop } = options;
  return { temperature, topK, topP, repetitionPenalty, seed, maxNewTokens, stop };
}

function documentOf(model: string, prompt: GenerationPrompt, result: Generated): unknown {
  return { model, prompt, ...result, ...speedOf(result) };
}

/** Of the prompt, and of the tokens after the first, which the prompt already gave. */
function speedOf({ ids, promptTokens, prefillMs, decodeMs }: Generated): {
  readonly prefillTokensPerSecond: number;
  readonly tokensPerSecond: number | null;
} {
  return {
    prefillTokensPerSecond: (1000 * promptTokens) / prefillMs,
    tokensPerSecond: ids.length > 1 ? (1000 * (ids.length - 1)) / decodeMs : null,
  };
}

const endings: Readonly<Record<Generated['endedBy'], string>> = {
  'end-token': 'the model ended it',
  'stop-string': 'a stop string ended it',
  'max-tokens': '--max-new-tokens ended it',
  'context-full': 'the context is full',
};

function statistics(result: Generated): string {
  const { prefillTokensPerSecond, tokensPerSecond } = speedOf(result);
  const speed = tokensPerSecond === null ? '' : ` at ${tokensPerSecond.toFixed(1)} tokens/s`;
  return `prompt: ${grouped(result.promptTokens)} tokens at ${prefillTokensPerSecond.toFixed(1)} tokens/s; text: ${grouped(result.ids.length)} tokens${speed}; ${endings[result.endedBy]}`;
}
