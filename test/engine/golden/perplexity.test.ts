import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { measurePerplexity, type Perplexity } from '../../../main/engine/evaluate/perplexity.ts';
import type { MemoryPlan } from '../../../main/engine/runtime/memory-plan.ts';
import type { Network } from '../../../main/engine/runtime/network.ts';
import { goldenForward, goldenModelFolder, goldenModelNames } from '../../fixtures/golden-files.ts';
import { openNetwork, unhurried } from '../../fixtures/open-network.ts';
import { rejection } from '../checkpoint/rejection.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';

/** Relative; a loss may be 1e-5 off, and perplexity is its exponential. */
const tolerance = 1e-5;

function measure(
  network: Network,
  tokens: ArrayLike<number>,
  seqLen: number,
  { batchTokens = 2048, activationBytes = 2 ** 24 }: Partial<MemoryPlan> = {},
): Promise<Perplexity> {
  const memory: MemoryPlan = { budgetBytes: 2 ** 26, residency: 'ram', batchTokens, activationBytes };
  return measurePerplexity(network, tokens, seqLen, {
    memory,
    scratchPath: path.join(temporaryFolder(), 'scratch'),
    pace: unhurried,
  });
}

describe.each(goldenModelNames)('perplexity of %s', (name) => {
  const { perplexity } = goldenForward(name);

  it.each([
    ['all chunks together', {}],
    ['one chunk a batch', { batchTokens: 1 }],
    ['three chunks of 32 a batch', { batchTokens: 100 }],
    ['in rounds of one batch', { batchTokens: 200, activationBytes: 1 }],
  ])('is the published formula’s, %s', async (_what, memory) => {
    const network = await openNetwork(goldenModelFolder(name));
    for (const seqLen of [128, 32]) {
      const found = await measure(network, perplexity.tokens, seqLen, memory);
      const expected = perplexity.byChunk[seqLen];
      expect(Math.abs(found.perplexity / expected - 1), `chunks of ${seqLen}`).toBeLessThan(tolerance);
      const chunks = Math.floor(perplexity.tokens.length / seqLen);
      expect(found).toMatchObject({ chunks, tokens: chunks * seqLen, seqLen });
    }
  });
});

describe('the text', () => {
  const { perplexity } = goldenForward('mha');

  it('loses its tail: what is less than a chunk does not count', async () => {
    const network = await openNetwork(goldenModelFolder('mha'));
    const whole = await measure(network, perplexity.tokens.slice(0, 96), 32);
    const longer = await measure(network, perplexity.tokens.slice(0, 127), 32);
    expect(longer).toEqual(whole);
    expect((await measure(network, perplexity.tokens.slice(0, 128), 32)).chunks).toBe(4);
  });

  it('must fill one chunk', async () => {
    const network = await openNetwork(goldenModelFolder('mha'));
    const error = await rejection(measure(network, perplexity.tokens.slice(0, 31), 32));
    expect(error.code).toBe('text-too-short');
    expect(error.message).toBe('The evaluation text has 31 tokens, but one chunk needs 32.');
  });
});
