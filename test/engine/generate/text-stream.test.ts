import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { TextStream } from '../../../main/engine/generate/text-stream.ts';
import { loadTokenizer, type Tokenizer } from '../../../main/engine/tokenizer/tokenizer.ts';

const golden = (name: string): Promise<Tokenizer> =>
  loadTokenizer(path.resolve(import.meta.dirname, '../tokenizer/golden', name));

const texts = [
  'The capital of France is Paris.',
  '  two  spaces,\n\n lines\tand tabs ',
  '日本語のテキスト、中文文本，한국어',
  'emoji 😀😃👨‍👩‍👧‍👦 and é ñ ½ 𝟘',
];

function deltas(tokenizer: Tokenizer, ids: readonly number[], stops: readonly string[] = []): string[] {
  const stream = new TextStream(tokenizer, stops);
  return [...ids.map((id) => stream.push(id)), stream.end()];
}

/** One token a character, its code. */
const byCharacter: Tokenizer = {
  vocabSize: 128,
  surrounding: { before: [], after: [] },
  encode: (text) => Array.from(text, (character) => character.charCodeAt(0)),
  isSpecial: (id) => id === 7,
  decode: (ids) => String.fromCharCode(...ids),
};

describe.each(['llama-2', 'smollm2', 'llama-3'])('text by %s', (name) => {
  it.each(texts)('is the whole text in the end, in whole characters: %j', async (text) => {
    const tokenizer = await golden(name);
    const ids = tokenizer.encode(text, { addSpecialTokens: false });
    const parts = deltas(tokenizer, ids);
    expect(parts.join('')).toBe(tokenizer.decode(ids));
    expect(parts.join('')).toBe(text);
    expect(parts.filter((part) => part.includes('\ufffd'))).toEqual([]);
  });

  it('comes as soon as it is certain', async () => {
    const tokenizer = await golden(name);
    const ids = tokenizer.encode('one two three four', { addSpecialTokens: false });
    const parts = deltas(tokenizer, ids);
    expect(parts.at(-1)).toBe('');
    expect(parts.filter((part) => part !== '').length).toBe(ids.length);
  });
});

describe('bytes that never become a character', () => {
  it('are shown as what they are, and hold back nothing for ever', async () => {
    const tokenizer = await golden('llama-2');
    const [first] = tokenizer.encode('😀', { addSpecialTokens: false }).slice(-4);
    const parts = deltas(
      tokenizer,
      Array.from({ length: 12 }, () => first),
    );
    expect(parts.slice(0, 6).join('')).not.toBe('');
    expect(parts.join('')).toMatch(/^\ufffd+$/);
  });
});

describe('a stop string', () => {
  const ids = byCharacter.encode('one STOP two');

  it('ends the text before it, wherever tokens cut it', () => {
    expect(deltas(byCharacter, ids, ['STOP']).join('')).toBe('one ');
    expect(deltas(byCharacter, ids, ['tw', 'OP']).join('')).toBe('one ST');
  });

  it('holds back what may become one, and gives it out when it does not', () => {
    const parts = deltas(byCharacter, byCharacter.encode('a STEP'), ['STOP']);
    expect(parts).toEqual(['a', ' ', '', '', 'STE', 'P', '']);
    expect(deltas(byCharacter, byCharacter.encode('a ST'), ['STOP']).join('')).toBe('a ST');
  });

  it('is told', () => {
    const stream = new TextStream(byCharacter, ['no']);
    expect([stream.push(110), stream.stopped, stream.push(111), stream.stopped]).toEqual([
      '',
      false,
      '',
      true,
    ]);
    expect([stream.push(97), stream.end()]).toEqual(['', '']);
  });
});

it('shows no special token', () => {
  expect(deltas(byCharacter, [97, 7, 98])).toEqual(['a', '', 'b', '']);
});
