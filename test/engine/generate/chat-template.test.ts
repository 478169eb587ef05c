import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ChatTemplateName } from '../../../main/engine/generate/built-in-templates.ts';
import {
  loadChatTemplate,
  type ChatMessage,
  type ChatTemplate,
} from '../../../main/engine/generate/chat-template.ts';
import { encodeChat, stopTokenIds } from '../../../main/engine/generate/encode-chat.ts';
import { loadTokenizer } from '../../../main/engine/tokenizer/tokenizer.ts';
import { goldenGeneration } from '../../fixtures/golden-generation.ts';
import { rejection } from '../checkpoint/rejection.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';

const { tokens, chats, cases } = goldenGeneration.chats;

/** Of expected.json, which test/engine/tokenizer/golden/make-sentence-piece.py makes. */
interface Expected {
  readonly chats: readonly {
    readonly template: ChatTemplateName;
    readonly messages: readonly ChatMessage[];
    readonly ids: readonly number[];
  }[];
}

function folderWith(config: unknown, file?: string): string {
  const folder = temporaryFolder();
  writeFileSync(path.join(folder, 'tokenizer_config.json'), JSON.stringify(config));
  if (file !== undefined) writeFileSync(path.join(folder, 'chat_template.jinja'), file);
  return folder;
}

async function template(config: unknown, file?: string): Promise<ChatTemplate> {
  const found = await loadChatTemplate(folderWith(config, file));
  if (found === undefined) throw new RangeError('No template was found.');
  return found;
}

const nested = `${'{% for i in range(9999) %}'.repeat(5)}{% set x = i %}${'{% endfor %}'.repeat(5)}`;
const growing = `{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}`;

const hello = [{ role: 'user', content: 'Hello' }] as const;

describe('a rendered chat', () => {
  it.each(cases.map((one, i) => [i, one] as const))(
    'is that of transformers: template %i',
    async (_i, one) => {
      const found = await template({ ...tokens, chat_template: one.template });
      expect(chats.map((messages) => found.render(messages))).toEqual(one.rendered);
    },
  );
});

describe('a template', () => {
  it('is taken from its own file first, then from tokenizer_config.json, of several the default', async () => {
    const named = [
      { name: 'tool_use', template: 'tools' },
      { name: 'default', template: 'of the list {{ eos_token }}' },
    ];
    const config = { eos_token: { content: '</s>', special: true }, chat_template: named };
    expect((await template(config)).render(hello)).toBe('of the list </s>');
    expect((await template(config, 'of the file')).render(hello)).toBe('of the file');
  });

  it('may be missing', async () => {
    expect(await loadChatTemplate(temporaryFolder())).toBeUndefined();
    expect(await loadChatTemplate(folderWith({ chat_template: [] }))).toBeUndefined();
  });

  it.each([
    ['that is no Jinja', { chat_template: '{% if %}' }, /it cannot be read/],
    ['without a default', { chat_template: [{ name: 'rag', template: '' }] }, /it names rag, and none/],
    ['of another form', { chat_template: 7 }, /chat_template: Invalid input/],
  ])('%s is refused', async (_what, config, message) => {
    const error = await rejection(loadChatTemplate(folderWith(config)));
    expect(error).toMatchObject({ code: 'template-invalid' });
    expect(error.message).toMatch(message);
  });

  it('may refuse messages', async () => {
    const found = await template({ chat_template: "{{ raise_exception('no system message') }}" });
    expect(() => found.render(hello)).toThrow(/it refused the messages: no system message/);
  });

  it.each([
    ['loops without an end in sight', nested, /it has not ended after 2 s/],
    ['lists more numbers than there is room for', '{% for i in range(10 ** 12) %}a{% endfor %}', /range has/],
    ['grows without bounds', growing, /it refused the messages|not ended/],
    ['asks for what messages do not have', '{{ messages.x.y.z }}', /makes no text of the messages/],
  ])('that %s is refused', async (_what, source, message) => {
    const found = await template({ chat_template: source });
    const error = await rejection(new Promise(() => found.render(hello)));
    expect(error).toMatchObject({
      code: 'template-invalid',
      message: expect.stringMatching(message) as string,
    });
  });

  it('may count', async () => {
    const source = '\n{% for i in range(3) %}{{ i }}{% endfor %}{{ range(5, 0, -2) | join }}';
    expect((await template({ chat_template: source })).render(hello)).toBe('\n012531');
  });
});

const conversation = [
  { role: 'user', content: 'Hi {{ x }}' },
  { role: 'assistant', content: 'Hello.' },
  { role: 'user', content: '你好' },
] as const;
const system = { role: 'system', content: 'Be brief.' } as const;

/** A folder of this name whose config.json says this. */
function modelFolder(name: string, config: unknown): string {
  const folder = path.join(temporaryFolder(), name);
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify(config));
  return folder;
}

async function builtIn(name: string, config: unknown): Promise<ChatTemplate> {
  const found = await loadChatTemplate(modelFolder(name, config));
  if (found === undefined) throw new RangeError('No template was found.');
  expect(found.needsSpecialTokens).toBe(true);
  return found;
}

const goldenTokenizer = (name: string): string => path.join(import.meta.dirname, '../tokenizer/golden', name);

/** tokenizer_config.json of THUDM/chatglm3-6b, 103caa40. */
const publishedChatGlm3 =
  "{% for message in messages %}{% if loop.first %}[gMASK]sop<|{{ message['role'] }}|>\n {{ message['content'] }}{% else %}<|{{ message['role'] }}|>\n {{ message['content'] }}{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";

describe.each(['sentencepiece-chatglm', 'sentencepiece-chatglm-offset', 'sentencepiece-chatglm2'])(
  'a chat with the tokenizer %s',
  (kind) => {
    const folder = goldenTokenizer(kind);

    it('has the ids that the published code gives it', async () => {
      const tokenizer = await loadTokenizer(folder);
      const expected = JSON.parse(await readFile(path.join(folder, 'expected.json'), 'utf8')) as Expected;
      expect(expected.chats.length).toBeGreaterThan(2);
      for (const { template: name, messages, ids } of expected.chats) {
        const found = await loadChatTemplate(folder, name);
        if (found === undefined) throw new RangeError('No template was found.');
        expect(encodeChat(found, messages, tokenizer), JSON.stringify([name, messages])).toEqual(ids);
      }
    });
  },
);

describe('a template of a ChatGLM folder of its own', () => {
  it('names tokens, but no word holds one', async () => {
    const tokenizer = await loadTokenizer(goldenTokenizer('sentencepiece-chatglm2'));
    const found = await template({
      chat_template: '[gMASK]sop<|user|>{{ messages[0].content }}<|assistant|>',
    });
    const content = 'people, philosophy, sop eop';
    expect(encodeChat(found, [{ role: 'user', content }], tokenizer)).toEqual([
      701,
      703,
      706,
      ...tokenizer.encode(content, { addSpecialTokens: false }),
      707,
    ]);
  });
});

describe('a model that was trained on a form of its own', () => {
  // FastChat 0e6d3e4b, conversation.py, vicuna_v1.1.
  it('Vicuna gets it, known by its folder or its config', async () => {
    const preamble =
      "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions.";
    for (const [folder, config] of [
      ['vicuna-7b-v1.5', { model_type: 'llama' }],
      ['mine', { model_type: 'llama', _name_or_path: 'lmsys/Vicuna-13b' }],
    ] as const) {
      const { render } = await builtIn(folder, config);
      expect(render(conversation)).toBe(
        `${preamble} USER: Hi {{ x }} ASSISTANT: Hello.</s>USER: 你好 ASSISTANT:`,
      );
      expect(render([system, ...hello])).toBe('Be brief. USER: Hello ASSISTANT:');
    }
  });

  // modeling_chatglm.py of ChatGLM-6B, `chat`.
  it('ChatGLM-6B counts from 0 and takes a first question bare', async () => {
    const { render } = await builtIn('chatglm-6b', { model_type: 'chatglm', vocab_size: 130528 });
    expect(render(hello)).toBe('Hello');
    expect(render(conversation)).toBe('[Round 0]\n问：Hi {{ x }}\n答：Hello.\n[Round 1]\n问：你好\n答：');
    expect(() => render([system, ...hello])).toThrow(/knows no system message/);
  });

  // tokenization_chatglm.py of ChatGLM2-6B, `build_prompt`.
  it('ChatGLM2-6B counts from 1', async () => {
    const config = { model_type: 'chatglm', padded_vocab_size: 65024, seq_length: 32768 };
    const { render } = await builtIn('model', config);
    expect(render(hello)).toBe('[Round 1]\n\n问：Hello\n\n答：');
    expect(render(conversation)).toBe(
      '[Round 1]\n\n问：Hi {{ x }}\n\n答：Hello.\n\n[Round 2]\n\n问：你好\n\n答：',
    );
  });

  // tokenization_chatglm.py of ChatGLM3-6B, `build_chat_input`: "\n" and the text are encoded each by itself.
  it('ChatGLM3-6B has a token for each role', async () => {
    const config = { model_type: 'chatglm', padded_vocab_size: 65024, seq_length: 8192 };
    const found = await builtIn('model', config);
    expect(found.render([system, { role: 'user', content: 'say "<|user|>"\\' }])).toEqual([
      { token: '<|system|>' },
      { text: '\n' },
      { text: 'Be brief.' },
      { token: '<|user|>' },
      { text: '\n' },
      { text: 'say "<|user|>"\\' },
      { token: '<|assistant|>' },
    ]);
    expect(stopTokenIds(found, await loadTokenizer(goldenTokenizer('sentencepiece-chatglm2')))).toEqual([
      706, 708,
    ]);
  });

  it('ChatGLM3-6B has the same where its folder has the template that it was published with', async () => {
    const published = await template({ chat_template: publishedChatGlm3 });
    const own = await loadChatTemplate(temporaryFolder(), 'chatglm3');
    expect(published.render(conversation)).toEqual(own?.render(conversation));
    expect(published.stopTokens).toEqual(own?.stopTokens);
  });

  it('keeps a template that its folder has, and any model takes one by its name', async () => {
    const folder = modelFolder('vicuna', {});
    writeFileSync(path.join(folder, 'chat_template.jinja'), 'its own');
    expect((await loadChatTemplate(folder))?.render(hello)).toBe('its own');
    expect((await loadChatTemplate(folder, 'chatglm'))?.render(hello)).toBe('Hello');
    expect(await loadChatTemplate(modelFolder('llama', { model_type: 'llama' }))).toBeUndefined();
  });
});
