import { describe, expect, it } from 'vitest';
import type { GenerationProgress } from '../../main/engine/generate/generate.ts';
import { planDecoding } from '../../main/engine/runtime/decoding-plan.ts';
import type { GenerationModel } from '../../main/studio/generation-models.ts';
import { Generations, type GenerationNews } from '../../main/studio/generations.ts';
import type { SpawnWorker, WorkerListener } from '../../main/worker/channel.ts';
import type { ToWorker } from '../../main/worker/messages.ts';
import { picoModel } from '../fixtures/pico-config.ts';

/** A worker whose every word the test says. */
interface Puppet {
  readonly listener: WorkerListener;
  readonly told: ToWorker[];
  killed: boolean;
}

const plan = planDecoding(picoModel().config, { parameters: 1000, weightBytes: 2000 }, 2 ** 30);

const modelOf = (name: string, memoryBytes: number): GenerationModel => ({
  name,
  path: `/models/${name}`,
  baseFolder: `/models/${name}`,
  maxPositions: 100,
  plan,
  memoryBytes,
});

const prompt = { kind: 'text', text: 'Hello' } as const;
const settings = {
  temperature: 0,
  topK: 0,
  topP: 1,
  repetitionPenalty: 1,
  seed: 1,
  maxNewTokens: 10,
  stop: [],
};

function stage(
  memoryBytes = 100,
  cores = 4,
): { generations: Generations; puppets: Puppet[]; news: GenerationNews[] } {
  const puppets: Puppet[] = [];
  const news: GenerationNews[] = [];
  const spawn: SpawnWorker = (listener) => {
    const puppet: Puppet = { listener, told: [], killed: false };
    puppets.push(puppet);
    return {
      send: (message) => puppet.told.push(message),
      kill: () => {
        puppet.killed = true;
      },
    };
  };
  return { generations: new Generations(spawn, (one) => news.push(one), memoryBytes, cores), puppets, news };
}

const moment = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

const progress: GenerationProgress = {
  delta: 'ab',
  promptTokens: 20,
  tokens: 3,
  prefillMs: 100,
  decodeMs: 40,
};

function finish({ listener }: Puppet): void {
  const { promptTokens, prefillMs, decodeMs } = progress;
  const result = {
    promptTokens,
    prefillMs,
    decodeMs,
    text: 'abcd',
    ids: [1, 2, 3, 4, 5],
    endedBy: 'end-token',
  } as const;
  listener.message({ type: 'done', result, peakRssBytes: 1 });
  listener.ended('exit code 0');
}

const states = (news: readonly GenerationNews[], index: number): string[] =>
  news.filter((one) => one.index === index).map(({ state }) => state);

describe('models that generate', () => {
  it('run next to each other where there is room, and share the processor', async () => {
    const { generations, puppets, news } = stage();
    const generationId = generations.start([modelOf('a', 40), modelOf('b', 60)], prompt, settings);
    expect(news).toEqual([]);
    await moment();
    expect(puppets.map(({ told: [first] }) => first)).toMatchObject([
      { type: 'start', job: { kind: 'generate', model: '/models/a', threads: 2 } },
      { type: 'start', job: { kind: 'generate', model: '/models/b', threads: 2 } },
    ]);
    puppets[1].listener.message({ type: 'text', ...progress });
    expect(news.at(-1)).toEqual({
      generationId,
      index: 1,
      state: 'running',
      delta: 'ab',
      promptTokens: 20,
      tokens: 3,
      prefillTokensPerSecond: 200,
      tokensPerSecond: 50,
      endedBy: null,
      error: null,
    });
    finish(puppets[1]);
    await moment();
    expect(news.at(-1)).toMatchObject({ state: 'done', delta: 'cd', tokens: 5, endedBy: 'end-token' });
  });

  it('wait for memory, and start when an earlier one has ended', async () => {
    const { generations, puppets, news } = stage();
    generations.start([modelOf('a', 70), modelOf('b', 70)], prompt, settings);
    await moment();
    expect(puppets).toHaveLength(1);
    expect(puppets[0].told[0]).toMatchObject({ job: { threads: 4 } });
    expect(states(news, 1)).toEqual(['waiting']);
    finish(puppets[0]);
    await moment();
    expect(puppets).toHaveLength(2);
    expect(states(news, 1)).toEqual(['waiting', 'loading']);
  });

  it('start alone even where there is too little memory by the book', async () => {
    const { generations, puppets } = stage();
    generations.start([modelOf('huge', 1000)], prompt, settings);
    await moment();
    expect(puppets).toHaveLength(1);
  });

  it('fail by themselves', async () => {
    const { generations, puppets, news } = stage();
    generations.start([modelOf('a', 10), modelOf('b', 10)], prompt, settings);
    await moment();
    const error = {
      code: 'tokenizer-missing',
      message: 'No tokenizer.',
      facts: {},
      hint: 'Copy it.',
    } as const;
    puppets[0].listener.message({ type: 'failed', error });
    puppets[0].listener.ended('exit code 0');
    await moment();
    expect(news.at(-1)).toMatchObject({
      index: 0,
      state: 'failed',
      error: { code: 'tokenizer-missing', message: 'No tokenizer.', hint: 'Copy it.' },
    });
    expect(states(news, 1)).toEqual(['waiting', 'loading']);
  });

  it('are stopped one by one or all together; one that waits never starts', async () => {
    const { generations, puppets, news } = stage();
    const id = generations.start([modelOf('a', 70), modelOf('b', 70)], prompt, settings);
    await moment();
    generations.stop(id, 1);
    expect(states(news, 1)).toEqual(['waiting', 'stopped']);
    generations.stop(id);
    expect(puppets[0].told.at(-1)).toEqual({ type: 'cancel' });
    puppets[0].listener.message({ type: 'cancelled' });
    puppets[0].listener.ended('exit code 0');
    await moment();
    expect(states(news, 0)).toEqual(['waiting', 'loading', 'stopped']);
    expect(puppets).toHaveLength(1);
  });

  it('that nobody started cannot be stopped', () => {
    const { generations } = stage();
    expect(() => {
      generations.stop('x');
    }).toThrow('There is no such generation.');
  });

  it('are ended with the studio, and nothing more is heard', async () => {
    const { generations, puppets, news } = stage();
    generations.start([modelOf('a', 10)], prompt, settings);
    await moment();
    const heard = news.length;
    generations.close();
    expect(puppets[0].killed).toBe(true);
    puppets[0].listener.ended('signal SIGKILL');
    await moment();
    expect(news).toHaveLength(heard);
  });
});
