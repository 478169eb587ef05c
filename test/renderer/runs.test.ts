import { describe, expect, it } from 'vitest';
import type { RunSummary } from '../../preload/contract.ts';
import { afterNews, hasEnded, nothingHeard } from '../../renderer/generation/heard.ts';
import { searchRuns, sortRuns, titleOf, type RunColumn } from '../../renderer/runs/find-runs.ts';
import { perplexityProtocols } from '../../renderer/runs/perplexity-protocols.ts';
import { readTags, writeTags } from '../../renderer/runs/tags.ts';
import { fakeBridge } from './fixtures/fake-bridge.ts';

async function someRuns(): Promise<RunSummary[]> {
  const answer = await fakeBridge({ runs: true }).call('run:list', undefined);
  if (!answer.ok) throw new Error(answer.error.message);
  return answer.value;
}

describe('searching runs', () => {
  it('wants every word, wherever it stands, in any letter case', async () => {
    const [first, ...rest] = await someRuns();
    const annotation = { name: 'My Best', tags: ['Paper'], note: '留给\nTalk' };
    const runs = [{ ...first, annotation }, ...rest];
    const found = (search: string): number =>
      searchRuns(runs, search, ({ criterion }) => `named ${criterion}`).length;
    for (const search of ['my best', 'PAPER', 'talk 留给', 'best named', first.name]) {
      expect(found(search), search).toBe(1);
    }
    expect(found('best nowhere')).toBe(0);
    expect(found('  ')).toBe(runs.length);
    expect(titleOf(runs[0])).toBe('My Best');
    expect(titleOf(first)).toBe(first.modelName);
  });
});

describe('sorting runs', () => {
  it('puts those without a value last, rising and falling', async () => {
    const runs = await someRuns();
    const withValue = runs.filter(({ report }) => report !== null).length;
    expect(withValue).toBeLessThan(runs.length);
    for (const isFalling of [false, true]) {
      const sizes = sortRuns(runs, { by: 'parameters', isFalling }, null).map(
        ({ report }) => report?.after.parameters,
      );
      const known = sizes.slice(0, withValue) as number[];
      expect(known).not.toContain(undefined);
      expect(known).toEqual([...known].sort((a, b) => (isFalling ? b - a : a - b)));
    }
  });

  it.each(['name', 'state', 'ratio', 'perplexity', 'size', 'created'] satisfies RunColumn[])(
    'keeps every run: by %s',
    async (by) => {
      const runs = await someRuns();
      const sorted = sortRuns(runs, { by, isFalling: true }, null);
      expect(sorted.map(({ id }) => id).sort()).toEqual(runs.map(({ id }) => id).sort());
    },
  );
});

describe('perplexities of several protocols', () => {
  const on = (id: string, perplexity: number, run: RunSummary): RunSummary => ({
    ...run,
    id: `${id} ${perplexity}`,
    perplexityProtocol: { id, text: `${id}.txt`, seqLen: 128, chunks: 9 },
    report: run.report && { ...run.report, after: { ...run.report.after, perplexity } },
  });

  it('are sorted one protocol at a time, those of the others last', async () => {
    const [run] = (await someRuns()).filter(({ report }) => report !== null);
    const runs = [on('wiki', 30, run), on('ptb', 10, run), on('wiki', 20, run), on('ptb', 50, run)];
    const sorted = (id: string): string[] =>
      sortRuns(runs, { by: 'perplexity', isFalling: false }, id).map((one) => one.id);
    expect(sorted('wiki').slice(0, 2)).toEqual(['wiki 20', 'wiki 30']);
    expect(sorted('ptb').slice(0, 2)).toEqual(['ptb 10', 'ptb 50']);
  });

  it('begin with the protocol that most runs share', async () => {
    const [run, ...rest] = (await someRuns()).filter(({ report }) => report !== null);
    const runs = [on('ptb', 1, run), on('wiki', 2, run), on('wiki', 3, run)];
    expect(perplexityProtocols(runs).map(({ id }) => id)).toEqual(['wiki', 'ptb']);
    expect(perplexityProtocols(rest.map((one) => ({ ...one, perplexityProtocol: null })))).toEqual([]);
  });
});

describe('tags', () => {
  it('are read from a line as main takes them', () => {
    expect(readTags(' one, two，三、one ,, ')).toEqual(['one', 'two', '三']);
    expect(readTags('x'.repeat(60))).toEqual(['x'.repeat(40)]);
    expect(readTags(Array.from({ length: 30 }, (_, i) => i).join())).toHaveLength(20);
    expect(readTags(writeTags(['a', 'b c']))).toEqual(['a', 'b c']);
  });
});

describe('what is heard of a generation', () => {
  it('is put together by source, in order', () => {
    const news = (
      index: number,
      delta: string,
      state: 'running' | 'done',
    ): Parameters<typeof afterNews>[1] => ({
      generationId: 'g',
      index,
      state,
      delta,
      promptTokens: 3,
      tokens: 1,
      prefillTokensPerSecond: null,
      tokensPerSecond: null,
      endedBy: state === 'done' ? 'max-tokens' : null,
      error: null,
    });
    const heard = [news(1, 'a', 'running'), news(0, 'x', 'running'), news(1, 'b', 'done')].reduce(afterNews, [
      nothingHeard,
      nothingHeard,
    ]);
    expect(heard.map(({ text }) => text)).toEqual(['x', 'ab']);
    expect(heard.map(hasEnded)).toEqual([false, true]);
  });
});
