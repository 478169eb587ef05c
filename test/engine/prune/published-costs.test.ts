import { describe, expect, it } from 'vitest';
import { countMacs, countParameters, elementsOf } from '../../../main/engine/derive/cost.ts';
import { readModelConfig } from '../../../main/engine/families/index.ts';
import { modelCosts, type ModelCosts } from '../../../main/engine/prune/plan.ts';
import { modelGraph } from '../../../main/engine/runtime/model-graph.ts';
import { publishedConfig } from '../../fixtures/golden-files.ts';
import { plannedShape } from '../../fixtures/local-selection.ts';

interface Recipe {
  readonly ratio: number;
  readonly layers: readonly [number, number];
}

/** Costs of a published model with a part of its hidden indices gone, by config.json alone. */
function channelCosts(name: string, ratio: number): ModelCosts & { hiddenSize: number } {
  const model = readModelConfig(publishedConfig(name));
  const { family, config } = model;
  const windows = { attention: [0, 0], mlp: [0, 0] } as const;
  const shape = plannedShape(model, { mode: 'channel', ratio, windows });
  expect(shape.layers).toEqual(config.layers);
  return { ...modelCosts(family, config, shape, () => 2), hiddenSize: shape.hiddenSize };
}

/** Costs of a published model, dense or with both windows on the same layers; weights stored in 16 bits. */
function costs(name: string, recipe?: Recipe): ModelCosts {
  const model = readModelConfig(publishedConfig(name));
  const { family, config } = model;
  const windows = recipe && { attention: recipe.layers, mlp: recipe.layers };
  const shape = recipe && windows ? plannedShape(model, { ratio: recipe.ratio, windows }) : config;
  return modelCosts(family, config, shape, () => 2);
}

const block20: Recipe = { ratio: 0.25, layers: [4, 30] };
const block50: Recipe = { ratio: 0.6, layers: [3, 31] };

describe('parameters, as published to the last one', () => {
  it.each<[string, string, Recipe | undefined, number]>([
    ['llama-7b', 'dense', undefined, 6_738_415_616],
    ['llama-7b', '0.25 on [4, 30)', block20, 5_422_977_024],
    ['llama-7b', '0.25 on [4, 29)', { ratio: 0.25, layers: [4, 29] }, 5_473_570_816],
    ['llama-7b', '0.6 on [3, 31)', block50, 3_350_188_032],
    ['llama-13b', 'dense', undefined, 13_015_864_320],
    ['llama-13b', '0.25 on [4, 36)', { ratio: 0.25, layers: [4, 36] }, 10_478_310_400],
    ['llama-3-8b', 'dense', undefined, 8_030_261_248],
    ['llama-3-8b', '0.25 on [4, 30)', block20, 6_612_586_496],
    ['tinyllama-1.1b', 'dense', undefined, 1_100_048_384],
    ['tinyllama-1.1b', '0.25 on [4, 18)', { ratio: 0.25, layers: [4, 18] }, 945_907_712],
    ['smollm2-135m', 'dense, embedding and head tied', undefined, 134_515_008],
  ])('%s, %s', (name, _what, recipe, parameters) => {
    const found = costs(name, recipe);
    expect(found.parameters).toBe(parameters);
    expect(found.weightBytes).toBe(2 * parameters);
  });

  it('leave 80.4785 % of LLaMA-7B and 82.3458 % of Llama-3-8B at 0.25', () => {
    const left = (name: string): string =>
      ((100 * costs(name, block20).parameters) / costs(name).parameters).toFixed(4);
    expect([left('llama-7b'), left('llama-3-8b')]).toEqual(['80.4785', '82.3458']);
  });
});

describe('the statistics of LLaMA-7B (paper, table 3)', () => {
  it.each<[string, Recipe | undefined, string]>([
    ['dense', undefined, '424.02'],
    ['Block 20 %', block20, '339.60'],
    ['Block 50 %', block50, '206.59'],
  ])('%s: %s G multiply-accumulates of 64 tokens', (_name, recipe, gigaMacs) => {
    expect((costs('llama-7b', recipe).macs / 1e9).toFixed(2)).toBe(gigaMacs);
  });

  it.each<[string, Recipe | undefined, string]>([
    ['dense', undefined, '12884.5'],
    ['Block 20 %', block20, '10375.5'],
  ])('%s: memory in MiB', (_name, recipe, mebibytes) => {
    expect((costs('llama-7b', recipe).memoryBytes / 2 ** 20).toFixed(1)).toBe(mebibytes);
  });
});

describe('channel-wise, the whole of LLaMA-7B (paper, table 3)', () => {
  it.each([
    [0.2, 3276, 5_389_416_396, '339.361'],
    [0.5, 2048, 3_369_207_808, '212.578'],
  ])(
    'at %d: %i hidden indices, %i parameters, %s G multiply-accumulates',
    (ratio, hiddenSize, parameters, gigaMacs) => {
      const found = channelCosts('llama-7b', ratio);
      expect(found).toMatchObject({ hiddenSize, parameters, weightBytes: 2 * parameters });
      expect((found.macs / 1e9).toFixed(3)).toBe(gigaMacs);
    },
  );

  it('costs 1,645,121 parameters a hidden index', () => {
    const [some, fewer] = [0.2, 0.5].map((ratio) => channelCosts('llama-7b', ratio));
    expect(some.parameters - fewer.parameters).toBe((3276 - 2048) * 1_645_121);
  });
});

it('MACs follow the published formulas at any length', () => {
  const { family, config } = readModelConfig(publishedConfig('tinyllama-1.1b'));
  const { graph } = modelGraph(family, config);
  for (const tokens of [1, 64, 2048]) {
    const [hidden, heads, kvHeads, headDim, mlp] = [2048, 32, 4, 64, 5632];
    const linears = hidden * headDim * (2 * heads + 2 * kvHeads) + 3 * hidden * mlp;
    const attention = heads * (2 * tokens * tokens * headDim + tokens * tokens);
    const rotary = 2 * (heads + kvHeads) * tokens * headDim;
    const norms = 2 * tokens * hidden;
    const layer = tokens * linears + attention + rotary + 2 * norms + tokens * mlp;
    expect(countMacs(graph, tokens)).toBe(22 * layer + norms + tokens * hidden * 32000);
  }
});

it('of layers that differ in width are those of the whole network as one graph', () => {
  const { family, config } = readModelConfig(publishedConfig('smollm2-135m'));
  const layers = config.layers.map((shape, i) => ({ ...shape, mlpWidth: shape.mlpWidth - 16 * (i % 3) }));
  const { graph } = modelGraph(family, { ...config, layers });
  const bytes = (param: string): number => 1 + (param.length % 4);
  const weightBytes = [...graph.params.values()].reduce(
    (total, param) => total + elementsOf(param) * bytes(param.name),
    0,
  );
  expect(modelCosts(family, config, { ...config, layers }, bytes)).toMatchObject({
    parameters: countParameters(graph),
    macs: countMacs(graph),
    weightBytes,
  });
});
