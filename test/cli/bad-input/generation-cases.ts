import { cp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { changeJson, type BadInput } from './bad-input.ts';

/** A prompt for the demo model, in which `spoil` has changed something. */
const spoilt =
  (
    spoil: (model: string) => Promise<void>,
    args: readonly string[] = ['--prompt', 'The climate'],
  ): BadInput['arrange'] =>
  async (folder) => {
    const model = path.join(folder, 'model');
    await cp(path.resolve('resources/demo/model'), model, { recursive: true });
    await spoil(model);
    return ['generate', model, ...args];
  };

const unspoilt = (): Promise<void> => Promise.resolve();
const chat = ['--chat', '--prompt', 'Hello'];

export const badGenerations: readonly BadInput[] = [
  {
    what: 'a prompt longer than the context',
    code: 'prompt-too-long',
    sentence: /^The prompt has \d+ tokens; the model has positions for \d+, prompt and text together\.$/,
    arrange: spoilt(unspoilt, ['--prompt', 'climate '.repeat(5000)]),
  },
  {
    what: 'an empty prompt',
    code: 'prompt-empty',
    sentence: 'The prompt has no tokens',
    arrange: spoilt(unspoilt, ['--prompt', '']),
  },
  {
    what: 'a model without a tokenizer',
    code: 'tokenizer-missing',
    sentence: 'has no tokenizer: expected one of the files tokenizer.json',
    arrange: spoilt((model) => rm(path.join(model, 'tokenizer.json'))),
  },
  {
    what: 'a chat with a model that has no template',
    code: 'template-missing',
    sentence: 'has no chat template: neither chat_template.jinja nor',
    arrange: spoilt(unspoilt, chat),
  },
  {
    what: 'a template that is none',
    code: 'template-invalid',
    sentence: 'cannot be used: it cannot be read',
    arrange: spoilt((model) => writeFile(path.join(model, 'chat_template.jinja'), '{% for %}'), chat),
  },
  {
    what: 'a list of templates without a default',
    code: 'template-invalid',
    sentence: 'it names tools, and none of them is "default"',
    arrange: spoilt(
      (model) =>
        changeJson(path.join(model, 'tokenizer_config.json'), {
          chat_template: [{ name: 'tools', template: '' }],
        }),
      chat,
    ),
  },
  {
    what: 'end tokens of another form',
    code: 'config-invalid',
    sentence: '"eos_token_id" should be a token id, or a list of them',
    arrange: spoilt((model) =>
      writeFile(path.join(model, 'generation_config.json'), '{ "eos_token_id": "</s>" }'),
    ),
  },
];
