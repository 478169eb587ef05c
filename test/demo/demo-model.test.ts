import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../main/engine/tokenizer/tokenizer.ts';
import { inspectModel } from '../../main/studio/inspect-model.ts';
import { contrastCriteria, contrastSizes, riseRatio, type Contrast } from '../../scripts/demo/contrast.ts';

const folder = 'resources/demo/model';

/** Mean negative log-likelihood under the text's own token frequencies: no unigram model does better on it. */
function unigramLoss(tokens: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
  return (
    [...counts.values()].reduce((total, count) => total - count * Math.log(count / tokens.length), 0) /
    tokens.length
  );
}

describe('the demo model', () => {
  it('has 1 to 4 million parameters in bf16, and ten heads a layer', async () => {
    const model = await inspectModel(folder);
    const { parameters, weightBytes } = model.costsWith(model.config);
    expect(parameters).toBeGreaterThan(1e6);
    expect(parameters).toBeLessThan(4e6);
    expect(weightBytes).toBe(2 * parameters);
    expect(model.config.layers.map(({ heads }) => heads)).toEqual(model.config.layers.map(() => 10));
  });

  it('was trained to a plateau: the last fifth of the steps improves the held-out loss by less than 1 %', async () => {
    const { steps, curve } = JSON.parse(await readFile(`${folder}/training.json`, 'utf8')) as {
      steps: number;
      curve: { step: number; heldoutLoss: number }[];
    };
    const at = (step: number): number => curve.findLast((point) => point.step <= step)?.heldoutLoss ?? NaN;
    expect(curve.at(-1)?.step).toBe(steps);
    expect(1 - at(steps) / at(0.8 * steps)).toBeLessThan(0.01);
  });
});

describe.each(Object.entries(contrastSizes))('pruned by about %s', (size, settings) => {
  let contrast: Contrast;

  beforeAll(async () => {
    contrast = await contrastCriteria(settings, 10);
  }, 600_000);

  it('removes that part of the parameters', () => {
    expect(contrast.removedOfParameters).toBeCloseTo(Number.parseInt(size) / 100, 1);
  });

  it('starts from a held-out perplexity ten times below any unigram model', async () => {
    const tokens = (await loadTokenizer(folder)).encode(await readFile('resources/demo/heldout.txt', 'utf8'));
    expect(contrast.before).toBeLessThan(Math.exp(unigramLoss(tokens)) / 10);
  });

  it('loses by Taylor at most 0.7 of what ten random picks lose on average', () => {
    expect(riseRatio(contrast)).toBeLessThanOrEqual(0.7);
  });
});
