import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { Template } from '@huggingface/jinja';
import { z } from 'zod';
import { readJsonFile } from '../checkpoint/read-json.ts';
import { openForReading, readBytes } from '../checkpoint/read-bytes.ts';
import { EngineError } from '../errors.ts';
import {
  builtInOf,
  builtInTemplate,
  chatTemplateNames,
  type ChatTemplateName,
  templateNameOf,
} from './built-in-templates.ts';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** A piece of a prompt that is encoded by itself: a special token by its name, or a text in which none is named. */
const promptPart = z.union([z.strictObject({ token: z.string() }), z.strictObject({ text: z.string() })]);

export type PromptPart = z.infer<typeof promptPart>;

/** A model's own way of putting messages into one prompt. */
export interface ChatTemplate {
  /** Whether the tokenizer puts its special tokens around the prompt, as it does around any text. */
  readonly needsSpecialTokens: boolean;
  /** Whether special tokens are in the prompt by their names, as in that of a folder's own template. */
  readonly namesTokens: boolean;
  /** Tokens that end an answer, besides the model's own. */
  readonly stopTokens: readonly string[];
  /**
   * The prompt after which the model answers: one text, or parts.
   * @throws EngineError template-invalid where the template refuses the messages or fails.
   */
  readonly render: (messages: readonly ChatMessage[]) => string | readonly PromptPart[];
}

/** As in tokenizer-files.ts. */
const maxConfigBytes = 16 * 2 ** 20;
/** The longest published ones, with tools and all, have 20 kB. */
const maxTemplateBytes = 2 ** 20;

/** A template takes milliseconds; what takes longer than this does not end. */
const renderLimitMs = 2000;
/** No chat has as many messages; a list of all numbers would fill the memory before the time is up. */
const maxRangeItems = 100_000;

const namedToken = z
  .union([z.string(), z.looseObject({ content: z.string() }).transform(({ content }) => content)])
  .nullish();

const configSchema = z.looseObject({
  chat_template: z
    .union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))])
    .nullish(),
  bos_token: namedToken,
  eos_token: namedToken,
  unk_token: namedToken,
  pad_token: namedToken,
});

type TokenizerConfig = z.infer<typeof configSchema>;

/**
 * The chat template of a model folder, as transformers finds it: chat_template.jinja, else the key `chat_template` of
 * tokenizer_config.json, of several the one named `default`; where there is none, or the one that ChatGLM3 was published
 * with, the built-in one of ChatGLM and Vicuna; undefined for other models. A name takes that built-in one instead.
 * @throws EngineError template-invalid for what is no template; json-invalid, file-unreadable.
 */
export async function loadChatTemplate(
  folder: string,
  name?: ChatTemplateName,
): Promise<ChatTemplate | undefined> {
  const configPath = join(folder, 'tokenizer_config.json');
  const config = await readConfig(configPath);
  const file = join(folder, 'chat_template.jinja');
  const alone = await readTemplateFile(file);
  const path = alone === undefined ? configPath : file;
  const source = name === undefined ? (alone ?? defaultOf(config.chat_template, configPath)) : undefined;
  const sameAs = source === undefined ? undefined : builtInOf(source);
  if (source !== undefined && sameAs === undefined) {
    const render = rendererOf(source, config, path);
    return { needsSpecialTokens: false, namesTokens: true, stopTokens: [], render };
  }
  const found = name ?? sameAs ?? (await templateNameOf(folder));
  if (found === undefined) return undefined;
  const { template, stopTokens, inParts } = builtInTemplate(found);
  const text = rendererOf(template, config, `"${found}"`);
  const render: ChatTemplate['render'] = inParts === true ? (messages) => partsIn(text(messages)) : text;
  return { needsSpecialTokens: true, namesTokens: false, stopTokens, render };
}

function partsIn(rendered: string): PromptPart[] {
  return z.array(promptPart).parse(JSON.parse(rendered));
}

/** The error of messages for a model that knows none. */
export function noTemplate(folder: string): EngineError {
  return new EngineError(
    'template-missing',
    `${folder} has no chat template: neither chat_template.jinja nor the key "chat_template" in tokenizer_config.json.`,
    { folder },
    `Name a built-in template (${chatTemplateNames.join(', ')}), or give the whole prompt as plain text, in the form that the model was trained on.`,
  );
}

function rendererOf(
  source: string,
  config: TokenizerConfig,
  path: string,
): (messages: readonly ChatMessage[]) => string {
  const failing = <T>(what: string, step: () => T): T => {
    try {
      return withinLimit(step);
    } catch (error) {
      if (isTimeout(error)) throw invalid(path, `it has not ended after ${renderLimitMs / 1000} s`);
      const reason = error instanceof Error ? error.message : String(error);
      throw invalid(path, `${what}: ${reason.split('\n')[0]}`);
    }
  };
  const template = failing('it cannot be read', () => new Template(withBoundedRange + source));
  const { bos_token, eos_token, unk_token, pad_token } = config;
  const tokens = Object.entries({ bos_token, eos_token, unk_token, pad_token }).filter(
    ([, token]) => typeof token === 'string',
  );
  return (messages) => {
    const prompt = failing('it refused the messages', () =>
      template.render({
        messages: messages.map(({ role, content }) => ({ role, content })),
        add_generation_prompt: true,
        bounded_range: boundedRange,
        ...Object.fromEntries(tokens),
      }),
    );
    if (prompt !== '') return prompt;
    throw invalid(path, 'it makes no text of the messages; it may ask for something that they do not have');
  };
}

/** The library's own `range` is a name that only the template itself can give away. */
const withBoundedRange = '{% set range = bounded_range %}\n';

/** Python's range as a list, of at most `maxRangeItems`. */
function boundedRange(start: number, stop?: number, step = 1): number[] {
  const [from, to] = stop === undefined ? [0, start] : [start, stop];
  const length = Math.max(0, Math.ceil((to - from) / step));
  if (step !== 0 && length <= maxRangeItems) return Array.from({ length }, (_, i) => from + i * step);
  throw new RangeError(
    step === 0 ? 'a range has steps of 0' : `a range has ${length} numbers, and may have ${maxRangeItems}`,
  );
}

/** A loop of a template cannot be left from outside but by the watchdog of a context. */
function withinLimit<T>(step: () => T): T {
  return runInNewContext('step()', { step }, { timeout: renderLimitMs }) as T;
}

/** Its error comes from the context, and is no Error of this one. */
const isTimeout = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'code' in error &&
  error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';

function defaultOf(templates: TokenizerConfig['chat_template'], path: string): string | undefined {
  if (typeof templates === 'string') return templates;
  if (!templates || templates.length === 0) return undefined;
  const found = templates.find(({ name }) => name === 'default');
  if (found) return found.template;
  const names = templates.map(({ name }) => name);
  throw invalid(path, `it names ${names.join(', ')}, and none of them is "default"`);
}

async function readConfig(path: string): Promise<TokenizerConfig> {
  const json = await readJsonFile(path, { maxBytes: maxConfigBytes }).catch((error: unknown) => {
    if (error instanceof EngineError && error.code === 'file-missing') return {};
    throw error;
  });
  const checked = configSchema.safeParse(json);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw invalid(path, `${issue.path.join('.') || 'the file'}: ${issue.message}`);
}

async function readTemplateFile(path: string): Promise<string | undefined> {
  const opened = await openForReading(path).catch((error: unknown) => {
    if (error instanceof EngineError && error.code === 'file-missing') return undefined;
    throw error;
  });
  if (opened === undefined) return undefined;
  const { handle, sizeBytes } = opened;
  try {
    if (sizeBytes > maxTemplateBytes) {
      throw invalid(path, `it has ${sizeBytes} bytes, and a template has at most ${maxTemplateBytes}`);
    }
    return new TextDecoder().decode(await readBytes(handle, path, 0, sizeBytes));
  } finally {
    await handle.close();
  }
}

function invalid(path: string, reason: string): EngineError {
  return new EngineError(
    'template-invalid',
    `The chat template in ${path} cannot be used: ${reason}.`,
    { path },
    'Correct the template, or give the whole prompt as plain text.',
  );
}
