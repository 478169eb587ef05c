import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadChatTemplate, type ChatTemplate } from '../../../main/engine/generate/chat-template.ts';
import { goldenGeneration } from '../../fixtures/golden-generation.ts';
import { rejection } from '../checkpoint/rejection.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';

const { tokens, chats, cases } = goldenGeneration.chats;

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
