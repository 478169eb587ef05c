import { describe, expect, it } from 'vitest';
import { generate, type GenerationSettings } from '../../../main/engine/generate/generate.ts';
import { Decoder } from '../../../main/engine/runtime/decoder.ts';
import { planMemory } from '../../../main/engine/runtime/memory-plan.ts';
import type { Network } from '../../../main/engine/runtime/network.ts';
import { Cancelled, paceOf, type Pace } from '../../../main/engine/runtime/pace.ts';
import type { Tokenizer } from '../../../main/engine/tokenizer/tokenizer.ts';
import { goldenModelFolder } from '../../fixtures/golden-files.ts';
import { goldenGeneration } from '../../fixtures/golden-generation.ts';
import { openNetwork, unhurried } from '../../fixtures/open-network.ts';

const settings: GenerationSettings = {
  temperature: 0,
  topK: 0,
  topP: 1,
  repetitionPenalty: 1,
  seed: 1,
  maxNewTokens: 80,
  stop: [],
};

/** A token is a letter of its own. */
const letters: Tokenizer = {
  vocabSize: 97,
  surrounding: { before: [], after: [] },
  encode: (text) => Array.from(text, (letter) => letter.charCodeAt(0) - 200),
  isSpecial: () => false,
  decode: (ids) => String.fromCharCode(...ids.map((id) => id + 200)),
};

const decoderOf = (network: Network): Decoder =>
  new Decoder(network, 1, planMemory(network.model.config, 1, 2 ** 30));

interface Changes extends Partial<GenerationSettings> {
  readonly endTokens?: readonly number[];
  readonly maxPositions?: number;
  readonly pace?: Pace;
}

function speak(
  network: Network,
  prompt: readonly number[],
  changes: Changes = {},
): ReturnType<typeof generate> {
  const { endTokens = [], maxPositions = 1000, pace = unhurried, ...rest } = changes;
  const speaker = {
    decoder: decoderOf(network),
    tokenizer: letters,
    endTokens: new Set(endTokens),
    maxPositions,
  };
  return generate(speaker, prompt, { ...settings, ...rest }, () => undefined, pace);
}

describe('greedy generation', () => {
  it.each(goldenGeneration.greedy)('gives the tokens of transformers: $model', async (golden) => {
    const network = await openNetwork(goldenModelFolder(golden.model));
    const { ids, text, endedBy } = await speak(network, golden.prompt);
    expect(ids).toEqual(golden.tokens);
    expect(text).toBe(letters.decode(golden.tokens));
    expect(endedBy).toBe('max-tokens');
  });

  it('gives the same tokens without the cache', async () => {
    const [{ model, prompt }] = goldenGeneration.greedy;
    const network = await openNetwork(goldenModelFolder(model), 'stream');
    const all = [...prompt];
    while (all.length < prompt.length + 80) {
      const logits = await decoderOf(network).advance(Int32Array.from(all), unhurried);
      all.push(logits.indexOf(Math.max(...logits)));
    }
    expect((await speak(network, prompt)).ids).toEqual(all.slice(prompt.length));
  });
});

describe('a text', () => {
  const [{ model, prompt, tokens }] = goldenGeneration.greedy;
  const end = tokens.findIndex((id, i) => i > 3 && tokens.indexOf(id) === i);

  it('ends at an end token, which is no part of it', async () => {
    const result = await speak(await openNetwork(goldenModelFolder(model)), prompt, {
      endTokens: [tokens[end]],
    });
    expect(result).toMatchObject({ endedBy: 'end-token', text: letters.decode(tokens.slice(0, end)) });
    expect(result.ids).toEqual(tokens.slice(0, end + 1));
  });

  it('ends before a stop string of several tokens', async () => {
    const stop = [letters.decode(tokens.slice(end - 1, end + 1))];
    const result = await speak(await openNetwork(goldenModelFolder(model)), prompt, { stop });
    expect(result.endedBy).toBe('stop-string');
    expect(result.text).toBe(letters.decode(tokens).split(stop[0])[0]);
  });

  it('ends where the model has no further position', async () => {
    const result = await speak(await openNetwork(goldenModelFolder(model)), prompt, { maxPositions: 12 });
    expect(result).toMatchObject({ endedBy: 'context-full' });
    expect(result.ids).toHaveLength(12 - prompt.length);
  });

  it('is the same for the same seed, and another for another', async () => {
    const network = await openNetwork(goldenModelFolder(model));
    const drawn = async (seed: number): Promise<readonly number[]> =>
      (await speak(network, prompt, { temperature: 1, topK: 40, topP: 0.95, seed, maxNewTokens: 20 })).ids;
    expect(await drawn(7)).toEqual(await drawn(7));
    expect(await drawn(7)).not.toEqual(await drawn(8));
  });

  it('stops between tokens when cancelled', async () => {
    const network = await openNetwork(goldenModelFolder(model));
    const cancelling = new AbortController();
    const pace = paceOf(cancelling.signal, () => undefined);
    const speaker = {
      decoder: decoderOf(network),
      tokenizer: letters,
      endTokens: new Set<number>(),
      maxPositions: 1000,
    };
    let heard = 0;
    const going = generate(
      speaker,
      prompt,
      settings,
      ({ tokens: count }) => {
        heard = count;
        if (count === 3) cancelling.abort();
      },
      pace,
    );
    await expect(going).rejects.toThrow(Cancelled);
    expect(heard).toBe(3);
  });
});
