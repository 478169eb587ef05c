import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModelConfig } from '../../../main/engine/families/family.ts';
import { readModelConfig } from '../../../main/engine/families/index.ts';
import { modelCosts, type ModelCosts } from '../../../main/engine/prune/plan.ts';
import { plannedWidths, type PlannedWidths } from '../../../main/engine/prune/planned-widths.ts';
import type { PlanEdits } from '../../../main/engine/prune/prune-settings.ts';
import { structureCosts } from '../../../main/engine/prune/structure-costs.ts';
import type { Selection } from '../../../main/engine/prune/structures.ts';
import { publishedConfig } from '../../fixtures/golden-files.ts';
import { picoModel } from '../../fixtures/pico-config.ts';

type Described = ReturnType<typeof readModelConfig>;

/** Norms in float32, the rest in 16 bits: bytes are then no multiple of parameters. */
const bytesOf = (param: string): number => (param.includes('norm') ? 4 : 2);

const noEdits: PlanEdits = {
  exclude: { attention: [], mlp: [] },
  ratios: { attention: {}, mlp: {} },
  keep: { heads: {} },
};

const everywhere = ({ layers }: ModelConfig): Selection['windows'] => ({
  attention: [0, layers.length],
  mlp: [0, layers.length],
});

function planOf({ family, config }: Described, selection: Selection, share?: number): PlannedWidths {
  return plannedWidths(config, structureCosts(family, config, bytesOf), selection, share);
}

function costsOf({ family, config }: Described, { hiddenSize, layers }: PlannedWidths): ModelCosts {
  return modelCosts(family, config, { hiddenSize, layers: layers.filter((one) => one !== null) }, bytesOf);
}

const llama7b = readModelConfig(publishedConfig('llama-7b'));
const windows: Selection['windows'] = { attention: [4, 30], mlp: [4, 30] };

describe('sizes by arithmetic', () => {
  it.each(['llama-7b', 'llama-3-8b', 'tinyllama-1.1b', 'smollm2-135m'])(
    'of %s are those of its graphs, whatever the widths',
    (name) => {
      const { family, config } = readModelConfig(publishedConfig(name));
      const costs = structureCosts(family, config, bytesOf);
      const { hiddenSize } = config;
      const layers = config.layers.map((shape, i) => {
        const kvHeads = 1 + (i % shape.kvHeads);
        return { kvHeads, heads: (kvHeads * shape.heads) / shape.kvHeads, mlpWidth: 1 + 7 * i };
      });
      const found = modelCosts(family, config, { hiddenSize, layers }, bytesOf);
      for (const [measure, total] of [
        ['parameters', found.parameters],
        ['bytes', found.weightBytes],
      ] as const) {
        const sum = costs.layers.reduce((size, layer, i) => {
          const lostHeads = config.layers[i].kvHeads - layers[i].kvHeads;
          const lostChannels = config.layers[i].mlpWidth - layers[i].mlpWidth;
          return size - lostHeads * layer.attention[measure] - lostChannels * layer.mlp[measure];
        }, costs.total[measure]);
        expect(sum, measure).toBe(total);
      }
      const narrower = modelCosts(family, config, { ...config, hiddenSize: hiddenSize - 100 }, bytesOf);
      expect(costs.total.parameters - 100 * costs.hidden.parameters).toBe(narrower.parameters);
      expect(costs.total.bytes - 100 * costs.hidden.bytes).toBe(narrower.weightBytes);
    },
  );
});

describe('a target', () => {
  it('that a ratio hits exactly has the widths of that ratio', () => {
    const byRatio = planOf(llama7b, { ratio: 0.25, windows });
    const plan = planOf(llama7b, { ratio: 0.5, windows, target: { parameters: 5_422_977_024 } });
    expect(plan.layers).toEqual(byRatio.layers);
    expect(costsOf(llama7b, plan).parameters).toBe(5_422_977_024);
    expect(plan.ratio).toBeCloseTo(0.25, 3);
  });

  it('of percent is of all parameters, one of bytes of the weights as they are stored', () => {
    const percent = planOf(llama7b, { ratio: 0.5, windows, target: { percent: 80 } });
    const goal = Math.floor(0.8 * 6_738_415_616);
    const channel = 3 * 4096;
    const { parameters } = costsOf(llama7b, percent);
    expect(parameters).toBeLessThanOrEqual(goal);
    expect(parameters + channel).toBeGreaterThan(goal);
    const bytes = planOf(llama7b, { ratio: 0.5, windows, target: { bytes: 10 * 2 ** 30 } });
    const { weightBytes } = costsOf(llama7b, bytes);
    expect(weightBytes).toBeLessThanOrEqual(10 * 2 ** 30);
    expect(weightBytes + 2 * channel).toBeGreaterThan(10 * 2 ** 30);
  });

  it.each([
    [{ parameters: 6_738_415_616 }, 'and the model has 6,738,415,616 parameters as it is'],
    [{ percent: 20 }, 'but these layers leave 1,531,506,688 parameters (22.7 %) at least'],
    [{ bytes: 1 }, 'asks for at most 1 bytes of weights, but these layers leave '],
  ])('out of reach says what can be reached: %j', (target, sentence) => {
    expect(() => planOf(llama7b, { ratio: 0.5, windows, target })).toThrow(
      expect.objectContaining({
        code: 'target-out-of-reach',
        message: expect.stringContaining(sentence) as string,
      }),
    );
  });

  it('in channel mode keeps as many hidden indices as have room', () => {
    const plan = planOf(llama7b, {
      mode: 'channel',
      ratio: 0.5,
      windows,
      target: { parameters: 5_389_416_396 },
    });
    expect(plan.hiddenSize).toBe(3276);
    const less = planOf(llama7b, {
      mode: 'channel',
      ratio: 0.5,
      windows,
      target: { parameters: 5_389_416_395 },
    });
    expect(less.hiddenSize).toBe(3275);
  });

  it('in layer mode drops as few layers as it takes', () => {
    const layer = 202_383_360;
    const selection = { mode: 'layer', drop: 'last', ratio: 0.5, windows } as const;
    const plan = planOf(llama7b, { ...selection, target: { parameters: 6_738_415_616 - 3 * layer } });
    expect(plan.layers.map((one) => one !== null).lastIndexOf(true)).toBe(28);
    const one = planOf(llama7b, { ...selection, target: { parameters: 6_738_415_615 } });
    expect(one.layers.filter((shape) => shape === null)).toHaveLength(1);
  });
});

/** Every way in which one step more could be kept. */
function grown(
  config: ModelConfig,
  { layers }: PlannedWidths,
  selection: Selection,
): PlannedWidths['layers'][] {
  const { uniform, round = 1, edits } = selection;
  const grow = (layer: number, kind: 'attention' | 'mlp'): PlannedWidths['layers'][number] | undefined => {
    const [now, most] = [layers[layer], config.layers[layer]];
    if (now === null) throw new RangeError('A layer is gone.');
    const step = kind === 'attention' ? 1 : round;
    const isHeld = edits?.exclude[kind].includes(layer) === true || edits?.ratios[kind][layer] !== undefined;
    const [from, to] = selection.windows[kind];
    if (isHeld || layer < from || layer >= to) return undefined;
    const kvHeads = now.kvHeads + step;
    if (kind === 'attention')
      return kvHeads > most.kvHeads
        ? undefined
        : { ...now, kvHeads, heads: (kvHeads * most.heads) / most.kvHeads };
    return now.mlpWidth + step > most.mlpWidth ? undefined : { ...now, mlpWidth: now.mlpWidth + step };
  };
  return (['attention', 'mlp'] as const).flatMap((kind) => {
    const more = layers.map((_, layer) => grow(layer, kind));
    if (uniform) return more.includes(undefined) ? [] : [more as PlannedWidths['layers']];
    return more.flatMap((shape, layer) => (shape === undefined ? [] : [layers.with(layer, shape)]));
  });
}

const models = [
  picoModel(),
  picoModel({ num_hidden_layers: 5, num_attention_heads: 8, num_key_value_heads: 4, intermediate_size: 70 }),
  picoModel({
    num_hidden_layers: 3,
    head_dim: 6,
    num_attention_heads_per_layer: [4, 2, 6],
    num_key_value_heads_per_layer: [2, 1, 3],
    intermediate_size_per_layer: [9, 64, 30],
    tie_word_embeddings: true,
  }),
];

describe('any target within reach', () => {
  const shares = fc.double({ min: 0, max: 1, noNaN: true });

  it.each([
    ['local', {}],
    ['bytes', { measure: 'bytes' }],
    ['rounded to 8', { round: 8 }],
    ['uniform', { uniform: true }],
    ['uniform and rounded', { uniform: true, round: 8 }],
    ['with layers held, given a ratio, and heads pinned', { isEdited: true }],
  ] as const)('is met by the largest model: %s', (_what, options) => {
    const {
      measure = 'parameters',
      round,
      uniform,
      isEdited,
    } = { measure: undefined, ...options } as {
      measure?: 'parameters' | 'bytes';
      round?: 8;
      uniform?: true;
      isEdited?: boolean;
    };
    fc.assert(
      fc.property(fc.constantFrom(...models), shares, (model, where) => {
        const { config } = model;
        fc.pre(!uniform || new Set(config.layers.map((one) => one.heads / one.kvHeads)).size === 1);
        const edits: PlanEdits = {
          exclude: { attention: [1], mlp: [0] },
          ratios: { attention: {}, mlp: { '1': 0.4 } },
          keep: { heads: { '0': [1] } },
        };
        const selection: Selection = {
          ratio: 0.3,
          windows: everywhere(config),
          ...(round && { round }),
          ...(uniform && { uniform }),
          ...(isEdited && { edits }),
        };
        const sizeOf = (plan: PlannedWidths): number =>
          measure === 'bytes' ? costsOf(model, plan).weightBytes : costsOf(model, plan).parameters;
        const most = sizeOf({ ...planOf(model, { ...selection, ratio: 1e-9 }) });
        const least = sizeOf(planOf(model, { ...selection, ratio: 1 - 1e-9 }));
        fc.pre(least < most);
        const goal = Math.floor(least + where * (most - 1 - least));
        const asked: Selection = {
          ...selection,
          target: measure === 'bytes' ? { bytes: goal } : { parameters: goal },
        };
        const plan = planOf(model, asked);
        expect(planOf(model, asked)).toEqual(plan);
        expect(sizeOf(plan)).toBeLessThanOrEqual(goal);
        for (const layers of grown(config, plan, asked)) {
          expect(sizeOf({ ...plan, layers })).toBeGreaterThan(goal);
        }
        for (const [i, shape] of plan.layers.entries()) {
          if (round && config.layers[i].mlpWidth >= round) expect((shape?.mlpWidth ?? 0) % round).toBe(0);
        }
        if (uniform) expect(new Set(plan.layers.map((shape) => JSON.stringify(shape))).size).toBe(1);
        if (isEdited) {
          expect(plan.layers[1]?.kvHeads).toBe(config.layers[1].kvHeads);
          expect(plan.layers[0]?.mlpWidth).toBe(config.layers[0].mlpWidth);
          const { layers } = planOf(model, { ...selection, ratio: 0.4 });
          expect(plan.layers[1]?.mlpWidth).toBe(layers[1]?.mlpWidth);
        }
      }),
      { seed: 7, numRuns: 25 },
    );
  });
});

describe('rounded widths', () => {
  it.each([
    [8, 8256 - (8256 % 8)],
    [64, 8256 - (8256 % 64)],
    [256, 8192],
  ] as const)('of LLaMA-7B at 0.25, multiples of %d, are never more than asked for', (round, mlpWidth) => {
    const { layers } = planOf(llama7b, { ratio: 0.25, windows, round });
    expect(layers[4]).toEqual({ heads: 24, kvHeads: 24, mlpWidth });
    expect(layers[3]).toEqual(llama7b.config.layers[3]);
  });

  it('leave alone what has not one step', () => {
    const plan = planOf(picoModel(), { ratio: 0.5, windows: { attention: [0, 2], mlp: [0, 2] }, round: 64 });
    expect(plan.layers).toEqual(Array(2).fill({ heads: 2, kvHeads: 2, mlpWidth: 10 }));
  });

  it('are of the hidden axis in channel mode', () => {
    expect(planOf(llama7b, { mode: 'channel', ratio: 0.2, windows, round: 64 }).hiddenSize).toBe(3264);
  });
});

describe('uniform widths', () => {
  const all: Selection['windows'] = { attention: [0, 32], mlp: [0, 32] };

  it('are the same in every layer', () => {
    const { layers } = planOf(llama7b, { ratio: 0.25, windows: all, uniform: true });
    expect(layers).toEqual(Array(32).fill({ heads: 24, kvHeads: 24, mlpWidth: 8256 }));
    const mlpAlone = { attention: [4, 4], mlp: [0, 32] } as const;
    expect(planOf(llama7b, { ratio: 0.25, windows: mlpAlone, uniform: true }).layers).toEqual(
      Array(32).fill({ heads: 32, kvHeads: 32, mlpWidth: 8256 }),
    );
  });

  it('of a model whose layers differ are those of the narrowest, cut', () => {
    const model = picoModel({ intermediate_size_per_layer: [10, 8] });
    const { layers } = planOf(model, {
      ratio: 0.5,
      windows: { attention: [0, 2], mlp: [0, 2] },
      uniform: true,
    });
    expect(layers).toEqual(Array(2).fill({ heads: 2, kvHeads: 2, mlpWidth: 4 }));
  });

  it.each([
    ['windows', { windows }, 'attention of layers 0, 1, 2, 3, 30, 31 would be left as it is'],
    [
      'a layer that is left out',
      { edits: { ...noEdits, exclude: { attention: [], mlp: [7] } } },
      'mlp of layer 7 would be left as it is',
    ],
    [
      'a ratio of its own',
      { edits: { ...noEdits, ratios: { attention: { '3': 0.5 }, mlp: {} } } },
      'attention of layer 3 would be left as it is',
    ],
  ] satisfies [string, Partial<Selection>, string][])(
    'cannot be had beside %s',
    (_what, change, sentence) => {
      expect(() => planOf(llama7b, { ratio: 0.25, windows: all, uniform: true, ...change })).toThrow(
        expect.objectContaining({
          code: 'combination-unsupported',
          message: `prune.uniform gives all layers the same widths, but ${sentence}.`,
        }),
      );
    },
  );
});

describe('edits', () => {
  it('leave layers out, give them ratios of their own, and pin heads', () => {
    const { layers } = planOf(llama7b, {
      ratio: 0.25,
      windows,
      edits: {
        exclude: { attention: [5], mlp: [6] },
        ratios: { attention: { '2': 0.5, '7': 0 }, mlp: { '4': 0.6 } },
        keep: { heads: { '8': Array.from({ length: 30 }, (_, i) => i) } },
      },
    });
    const of = (layer: number): number[] => [layers[layer]?.kvHeads ?? 0, layers[layer]?.mlpWidth ?? 0];
    expect([2, 4, 5, 6, 7, 8, 9].map(of)).toEqual([
      [16, 11008],
      [24, 11008 - 6605],
      [32, 8256],
      [24, 11008],
      [32, 8256],
      [30, 8256],
      [24, 8256],
    ]);
  });

  it.each<[string, Partial<PlanEdits>, string]>([
    [
      'a layer that is not there',
      { exclude: { attention: [32], mlp: [] } },
      'prune.edits.exclude.attention names layer 32, but the model has layers 0 to 31.',
    ],
    [
      'the ratio of one',
      { ratios: { attention: {}, mlp: { '40': 0.5 } } },
      'prune.edits.ratios.mlp names layer 40, but the model has layers 0 to 31.',
    ],
    [
      'both on one layer',
      { exclude: { attention: [], mlp: [9] }, ratios: { attention: {}, mlp: { '9': 0.5 } } },
      'Layer 9 is in prune.edits.exclude.mlp and has a ratio of its own in prune.edits.ratios.mlp.',
    ],
    [
      'a head that is not there',
      { keep: { heads: { '3': [0, 32] } } },
      'prune.edits.keep.heads pins head 32 of layer 3, which has heads 0 to 31.',
    ],
  ])('name the layer that they do not fit: %s', (_what, edits, message) => {
    expect(() => planOf(llama7b, { ratio: 0.25, windows, edits: { ...noEdits, ...edits } })).toThrow(
      expect.objectContaining({ code: 'edits-invalid', message }),
    );
  });
});

describe('layer mode', () => {
  const gone = (plan: PlannedWidths): number[] =>
    plan.layers.flatMap((shape, layer) => (shape === null ? [layer] : []));

  it('drops the published number of layers, the last ones under `last`', () => {
    const selection = { mode: 'layer', ratio: 0.25, windows } as const;
    const last = planOf(llama7b, { ...selection, drop: 'last' });
    expect(gone(last)).toEqual([24, 25, 26, 27, 28, 29, 30, 31]);
    expect(last.awaitsScores).toBe(false);
    const least = planOf(llama7b, { ...selection, drop: 'least-influence' });
    expect([gone(least).length, least.awaitsScores]).toEqual([8, true]);
  });

  it('holds layers that are left out of either kind, and one at least', () => {
    const edits = { ...noEdits, exclude: { attention: [31], mlp: [29, 31] } };
    const selection = { mode: 'layer', drop: 'last', windows } as const;
    expect(gone(planOf(llama7b, { ...selection, ratio: 0.1, edits }))).toEqual([26, 27, 28, 30]);
    expect(gone(planOf(llama7b, { ...selection, ratio: 0.9999 }))).toHaveLength(31);
  });
});

describe('on the way in steps', () => {
  it('a target comes nearer in equal parts, and is met at the end', () => {
    const selection: Selection = { ratio: 0.5, windows, target: { percent: 80 } };
    const whole = planOf(llama7b, selection);
    const parts = [1, 2, 3, 4].map((step) => planOf(llama7b, selection, step / 4));
    expect(parts[3]).toEqual(whole);
    for (const [i, { layers }] of parts.entries()) {
      layers.forEach((shape, layer) => {
        const [before, after] = [llama7b.config.layers[layer], whole.layers[layer]];
        if (shape === null || after === null) throw new RangeError('A layer is gone.');
        const due = (from: number, to: number): number => from - Math.trunc(((i + 1) / 4) * (from - to));
        expect(shape.mlpWidth).toBe(due(before.mlpWidth, after.mlpWidth));
        expect(shape.kvHeads).toBe(due(before.kvHeads, after.kvHeads));
      });
    }
  });
});
