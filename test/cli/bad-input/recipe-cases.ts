import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { goldenModelFolder } from '../../fixtures/golden-files.ts';
import { runOf, type BadInput } from './bad-input.ts';

/** A run of a recipe file with this content, in which MODEL stands for a golden model. */
const written =
  (content: string): BadInput['arrange'] =>
  async (folder) => {
    const recipe = path.join(folder, 'recipe.yaml');
    await writeFile(recipe, content.replace('MODEL', JSON.stringify(goldenModelFolder('gqa'))));
    return ['run', recipe, '--out', path.join(folder, 'out')];
  };

const set =
  (settings: Readonly<Record<string, string | number>>): BadInput['arrange'] =>
  (folder) =>
    runOf(folder, goldenModelFolder('gqa'), settings);

const badRatios: readonly BadInput[] = [0, 1, -0.1, 1.5, '.inf', '-.inf', '.nan', 'half'].map((ratio) => {
  const isNumber = typeof ratio === 'number';
  return {
    what: `a ratio of ${ratio}`,
    code: isNumber ? 'ratio-out-of-range' : 'recipe-invalid',
    sentence: isNumber
      ? `prune.ratio is ${ratio}, but must lie between 0 and 1, both excluded.`
      : 'prune.ratio: Invalid input: expected number, received ',
    arrange: set({ 'prune.ratio': ratio }),
  };
});

const emptyRemovals: readonly BadInput[] = [
  ['windows without a layer', { 'prune.layers.attention': '[1, 1]', 'prune.layers.mlp': '[2, 2]' }],
  ['a ratio too small for one channel', { 'prune.ratio': 1e-20 }],
].map(([what, keys]) => ({
  what: what as string,
  code: 'ratio-out-of-range' as const,
  sentence: ' inside these layers removes nothing: ',
  arrange: set(keys as Record<string, string | number>),
}));

const badWindows: readonly BadInput[] = [
  ['attention', '[0, 5]', 'prune.layers.attention is [0, 5), but the model has layers 0 to 3.'],
  ['mlp', '[3, 1]', 'prune.layers.mlp is [3, 1), but the model has layers 0 to 3.'],
  ['mlp', '[7, 9]', 'prune.layers.mlp is [7, 9), but the model has layers 0 to 3.'],
].map(([kind, window, sentence]) => ({
  what: `the window ${window} of four layers`,
  code: 'window-out-of-range' as const,
  sentence,
  arrange: set({ [`prune.layers.${kind}`]: window }),
}));

const malformed: readonly BadInput[] = (
  [
    [
      'a window of text',
      set({ 'prune.layers.mlp': 'all' }),
      'prune.layers.mlp: expected [from, to), for example [4, 30]',
    ],
    [
      'a window below 0',
      set({ 'prune.layers.mlp': '[-1, 2]' }),
      'prune.layers.mlp.0: Too small: expected number to be >=0',
    ],
    [
      'an unknown criterion',
      set({ 'prune.criterion': 'taylor' }),
      /prune\.criterion: Invalid option: .*"taylor-vector"/,
    ],
    [
      'an unknown aggregation',
      set({ 'prune.aggregation': 'median' }),
      /prune\.aggregation: Invalid option: .*"sum"/,
    ],
    ['an unknown mode', set({ 'prune.mode': 'row' }), /prune\.mode: Invalid /],
    [
      'an unknown device',
      set({ device: 'abacus' }),
      'device: Invalid option: expected one of "auto"|"cpu"|"webgpu"',
    ],
    [
      'a memory budget that is no size',
      set({ memory: 'much' }),
      'memory: expected auto, or a size such as 4GiB',
    ],
    [
      'a huge sequence length',
      set({ 'evaluate.seqLen': 1e12 }),
      'evaluate.seqLen: Too big: expected number to be <=1048576',
    ],
    ['a sequence of one token', set({ 'calibration.seqLen': 1 }), 'calibration.seqLen: Too small: '],
    ['no samples', set({ 'calibration.samples': 0 }), 'calibration.samples: Too small: '],
    ['no model', written('prune: {ratio: 0.5}\n'), 'recipe.yaml: model: expected the path of a model folder'],
    [
      'an unknown key',
      written('model: MODEL\nratio: 0.5\n'),
      'recipe.yaml: (the whole recipe): Unrecognized key: "ratio"',
    ],
    [
      'a key in the wrong place',
      written('model: MODEL\nprune: {samples: 5}\n'),
      'prune: Unrecognized key: "samples"',
    ],
    ['YAML that is none', written('model: [MODEL\n'), /recipe\.yaml: Flow sequence .* at line 2, column 1$/],
    [
      'a YAML alias of nothing',
      written('model: *model\n'),
      'Unresolved alias (the anchor must be set before the alias): model',
    ],
    [
      'an empty recipe',
      written('# nothing yet\n'),
      'recipe.yaml: expected keys such as "model" and "prune", found none',
    ],
    [
      'a setting without a value',
      (folder) => runOf(folder, '').then((args) => [...args, '--set', 'x']),
      '--set: "x" is not key=value',
    ],
    ['a setting of a prototype', set({ '__proto__.ratio': 0.5 }), 'Unrecognized key: "__proto__"'],
  ] satisfies [string, BadInput['arrange'], string | RegExp][]
).map(([what, arrange, sentence]) => ({ what, code: 'recipe-invalid', sentence, arrange }));

export const badRecipes: readonly BadInput[] = [
  ...badRatios,
  ...emptyRemovals,
  ...badWindows,
  ...malformed,
  {
    what: 'a recipe that does not exist',
    code: 'file-missing',
    sentence: 'none.yaml does not exist',
    arrange: async (folder) => ['run', path.join(folder, 'none.yaml'), '--out', path.join(folder, 'out')],
  },
  {
    what: 'a folder in place of the recipe',
    code: 'file-unreadable',
    sentence: 'is a folder, not a file',
    arrange: async (folder) => ['run', folder, '--out', path.join(folder, 'out')],
  },
];
