import { basename, join } from 'node:path';
import { z } from 'zod';
import chatglm from '../../../resources/chat-templates/chatglm.json' with { type: 'json' };
import chatglm2 from '../../../resources/chat-templates/chatglm2.json' with { type: 'json' };
import chatglm3 from '../../../resources/chat-templates/chatglm3.json' with { type: 'json' };
import vicuna from '../../../resources/chat-templates/vicuna.json' with { type: 'json' };
import { readJsonFile } from '../checkpoint/read-json.ts';
import { EngineError } from '../errors.ts';

/** The conversation of models whose folders have no template; what the tokenizer puts around a text stays. */
export interface BuiltInTemplate {
  readonly description: string;
  /** Jinja, as in tokenizer_config.json. */
  readonly template: string;
  /** The template makes a list of parts, as JSON, instead of one text. */
  readonly inParts?: boolean;
  /** Templates that folders of the same model have, which say the same with less care for what a text holds. */
  readonly published?: readonly string[];
  /** Tokens that end an answer, besides the model's own. */
  readonly stopTokens: readonly string[];
}

const builtIn = { vicuna, chatglm, chatglm2, chatglm3 } satisfies Record<string, BuiltInTemplate>;

export type ChatTemplateName = keyof typeof builtIn;

/** The templates of resources/chat-templates. */
export const chatTemplateNames = Object.keys(builtIn) as readonly ChatTemplateName[];

export function builtInTemplate(name: ChatTemplateName): BuiltInTemplate {
  return builtIn[name];
}

/** The built-in template that says the same as a folder's own; undefined as a rule. */
export function builtInOf(source: string): ChatTemplateName | undefined {
  return chatTemplateNames.find((name) => builtInTemplate(name).published?.includes(source));
}

/** As in runtime/model.ts. */
const maxConfigBytes = 4 * 2 ** 20;

const configSchema = z.looseObject({
  model_type: z.unknown().optional(),
  _name_or_path: z.unknown().optional(),
  padded_vocab_size: z.unknown().optional(),
  seq_length: z.unknown().optional(),
});

/** ChatGLM3-6B's; that of ChatGLM2-6B is four times as long. */
const chatGlm3Positions = 8192;

/**
 * The template of a model that is known to have been trained with one, by its folder: `templateNameIn`.
 * @throws EngineError json-invalid, file-unreadable.
 */
export async function templateNameOf(folder: string): Promise<ChatTemplateName | undefined> {
  const json = await readJsonFile(join(folder, 'config.json'), { maxBytes: maxConfigBytes }).catch(
    (error: unknown) => {
      if (error instanceof EngineError && error.code === 'file-missing') return {};
      throw error;
    },
  );
  return templateNameIn(json, basename(folder));
}

/**
 * ChatGLM is known by its config, Vicuna by the name that its folder or its config has. Undefined for any other model.
 * @param config What config.json holds.
 */
export function templateNameIn(config: unknown, folderName: string): ChatTemplateName | undefined {
  const checked = configSchema.safeParse(config);
  if (!checked.success) return undefined;
  const { model_type, padded_vocab_size, seq_length, _name_or_path } = checked.data;
  const names = [folderName, typeof _name_or_path === 'string' ? _name_or_path : ''];
  const isCalled = (name: RegExp): boolean => names.some((found) => name.test(found));
  if (model_type === 'chatglm') {
    if (padded_vocab_size === undefined) return 'chatglm';
    return seq_length === chatGlm3Positions || isCalled(/chatglm3/i) ? 'chatglm3' : 'chatglm2';
  }
  return isCalled(/vicuna/i) ? 'vicuna' : undefined;
}
