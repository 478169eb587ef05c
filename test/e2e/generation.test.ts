import { describe, expect, it } from 'vitest';
import type { CallRequest } from '../../preload/contract.ts';
import type { GenerationEvent, GenerationPrompt, Sampling } from '../../preload/generation-contract.ts';
import { call, refusal, sharedStudio, workerPids, type PageWithStudio } from './harness.ts';
import type { Page } from 'playwright-core';

const shared = sharedStudio();

type Start = CallRequest<'generation:start'>;

const sampling: Sampling = {
  temperature: 0,
  topK: 0,
  topP: 1,
  repetitionPenalty: 1,
  maxNewTokens: 12,
  stop: [],
  seed: 42,
};
const prompt: GenerationPrompt = { kind: 'text', text: 'The climate of the country is' };

const ended = ['done', 'stopped', 'failed'];

/** Starts a generation and hears of it until every source has ended; `stopAfter` tokens of a source it is stopped. */
async function generated(page: Page, request: Start, stopAfter?: number): Promise<GenerationEvent[]> {
  return page.evaluate(
    ([asked, endings, most]) =>
      new Promise<GenerationEvent[]>((resolve, reject) => {
        const { studio } = window as unknown as PageWithStudio;
        const heard: GenerationEvent[] = [];
        const forget = studio.listen('generation:event', (event) => {
          heard.push(event);
          if (most !== undefined && event.state === 'running' && event.tokens >= most) {
            void studio.call('generation:stop', { generationId: event.generationId, index: event.index });
          }
          const states = asked.sources.map((_, index) => heard.findLast((one) => one.index === index)?.state);
          if (!states.every((state) => state !== undefined && endings.includes(state))) return;
          forget();
          resolve(heard);
        });
        void studio.call('generation:start', asked).then((answer) => {
          if (!answer.ok) reject(new Error(answer.error.message));
        });
      }),
    [request, ended, stopAfter] as const,
  );
}

const textOf = (events: readonly GenerationEvent[], index: number): string =>
  events
    .filter((event) => event.index === index)
    .map(({ delta }) => delta)
    .join('');

describe('a generation', () => {
  it('streams every source, each in a process of its own, with the same text for the same model', async () => {
    const { page } = shared();
    const { id: modelId } = await call(page, 'model:demo');
    const events = await generated(page, { sources: [{ modelId }, { modelId }], prompt, sampling });
    const last = [0, 1].map((index) => events.findLast((event) => event.index === index));
    expect(last).toMatchObject([
      { state: 'done', endedBy: 'max-tokens', tokens: 12, error: null },
      { state: 'done', endedBy: 'max-tokens', tokens: 12, error: null },
    ]);
    expect(textOf(events, 0).length).toBeGreaterThan(12);
    expect(textOf(events, 0)).toBe(textOf(events, 1));
    const states = events.filter(({ index }) => index === 0).map(({ state }) => state);
    expect(states.slice(0, 2)).toEqual(['waiting', 'loading']);
  });

  it('is stopped, and its processes go', async () => {
    const studio = shared();
    const { id: modelId } = await call(studio.page, 'model:demo');
    const long = { ...sampling, maxNewTokens: 100_000, temperature: 1 };
    const events = await generated(studio.page, { sources: [{ modelId }], prompt, sampling: long }, 3);
    expect(events.at(-1)).toMatchObject({ state: 'stopped', error: null });
    expect(events.at(-1)?.tokens).toBeLessThan(1000);
    await expect.poll(() => workerPids(studio)).toEqual([]);
  });

  it('of a source that fails says why, and goes on with the others', async () => {
    const { page } = shared();
    const { id: modelId } = await call(page, 'model:demo');
    const chat: GenerationPrompt = { kind: 'chat', messages: [{ role: 'user', content: 'Hello' }] };
    const events = await generated(page, { sources: [{ modelId }], prompt: chat, sampling });
    expect(events.at(-1)).toMatchObject({ state: 'failed', error: { code: 'template-missing' } });
  });

  it('is described before it is started', async () => {
    const { page } = shared();
    const { id: modelId } = await call(page, 'model:demo');
    const [described] = await call(page, 'generation:describe', { sources: [{ modelId }] });
    expect(described).toMatchObject({ name: 'demo', hasTokenizer: true, hasChatTemplate: false });
    expect(described.memoryBytes).toBeGreaterThan(10 * 2 ** 20);
  });
});

describe('a request to generate', () => {
  it('that has not the form of the contract is refused', async () => {
    const { page } = shared();
    const { id: modelId } = await call(page, 'model:demo');
    const request: Start = { sources: [{ modelId }], prompt, sampling };
    const wrong: unknown[] = [
      { ...request, sources: [] },
      { ...request, sources: [{ modelId, path: '/etc' }] },
      { ...request, sources: [{ runId: 'x', which: 'other' }] },
      { ...request, prompt: { kind: 'text', text: '' } },
      { ...request, prompt: { kind: 'chat', messages: [{ role: 'root', content: 'x' }] } },
      { ...request, sampling: { ...sampling, temperature: -1 } },
      { ...request, sampling: { ...sampling, topP: 0 } },
      { ...request, sampling: { ...sampling, stop: [''] } },
      { ...request, sampling: { ...sampling, maxNewTokens: 0 } },
    ];
    for (const asked of wrong) {
      expect(await refusal(page, 'generation:start', asked), JSON.stringify(asked)).toBe('request-invalid');
    }
    expect(await refusal(page, 'generation:stop', { generationId: 7 })).toBe('request-invalid');
  });

  it('that names what nobody gave out is refused', async () => {
    const { page } = shared();
    const start = (source: unknown): Promise<string> =>
      refusal(page, 'generation:start', { sources: [source], prompt, sampling });
    expect(await start({ modelId: 'no-such-model' })).toBe('file-not-granted');
    expect(await start({ runId: 'no-such-run', which: 'pruned' })).toBe('run-unknown');
    const { calibration } = await call(page, 'text:demo');
    expect(await start({ modelId: calibration.id })).toBe('file-kind');
    expect(await refusal(page, 'generation:describe', { sources: [{ modelId: 'x' }] })).toBe(
      'file-not-granted',
    );
    expect(await refusal(page, 'generation:stop', { generationId: 'no-such' })).toBe('generation-unknown');
  });
});
