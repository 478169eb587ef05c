import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  checkRecipe,
  defaultRecipe,
  formatRecipe,
  judgedBy,
  readRecipe,
  type Recipe,
} from '../../main/studio/recipe.ts';
import { sizeInBytes } from '../../main/studio/size-in-bytes.ts';
import { rejection } from '../engine/checkpoint/rejection.ts';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';

const cwd = path.resolve('/work-folder');
const noTarget = 'expected { parameters: N }, { bytes: a number or a size such as 4GiB } or { percent: P }';

async function fileOf(text: string | Uint8Array, folder = temporaryFolder()): Promise<string> {
  const file = path.join(folder, 'recipe.yaml');
  await mkdir(folder, { recursive: true });
  await writeFile(file, text);
  return file;
}

const read = async (text: string | Uint8Array, ...settings: string[]): Promise<Recipe> =>
  readRecipe(await fileOf(text), settings, cwd);

/** The sentence after the file's name. */
async function complaint(text: string | Uint8Array, ...settings: string[]): Promise<string> {
  const file = await fileOf(text);
  const error = await rejection(readRecipe(file, settings, cwd));
  expect(error.code).toBe('recipe-invalid');
  return error.message.replace(`${file}: `, '');
}

describe('defaults', () => {
  it('are written out for every key', () => {
    expect(defaultRecipe()).toEqual({
      model: 'path/to/model',
      prune: {
        mode: 'block',
        criterion: null,
        aggregation: 'sum',
        ratio: 0.25,
        target: null,
        steps: 1,
        unit: 'group',
        scope: 'local',
        round: 1,
        uniform: false,
        drop: 'least-influence',
        gqaFold: 'correct',
        layers: { attention: null, mlp: null },
        seed: 42,
      },
      calibration: { source: null, samples: null, seqLen: 64, seed: 42 },
      evaluate: { text: null, seqLen: 128, samples: null, tasks: null, cost: null },
      device: 'auto',
      memory: 'auto',
    });
  });

  it('take the place of what a file leaves out, at any depth', async () => {
    const recipe = await read('model: /m\nprune: {ratio: 0.5, layers: {mlp: [1, 2]}}\n');
    const { prune, ...rest } = defaultRecipe();
    expect(recipe).toEqual({
      ...rest,
      model: path.resolve('/m'),
      prune: { ...prune, ratio: 0.5, layers: { attention: null, mlp: [1, 2] } },
    });
  });
});

describe('YAML', () => {
  const unusual: Recipe = {
    model: path.resolve('/folder: with "quotes" # and spaces/-x'),
    prune: {
      mode: 'layer',
      criterion: 'random',
      aggregation: 'prod',
      ratio: 1e-7,
      target: { bytes: '4GiB' },
      steps: 1000,
      unit: 'query-head',
      scope: 'global-published',
      round: 64,
      uniform: true,
      drop: 'last',
      edits: {
        exclude: { attention: [0, 3], mlp: [] },
        ratios: { attention: { '1': 0.4 }, mlp: {} },
        keep: { heads: { '2': [0, 3] } },
      },
      gqaFold: 'published',
      layers: { attention: [0, 3], mlp: [2, 2] },
      seed: Number.MAX_SAFE_INTEGER,
    },
    calibration: { source: path.resolve('/null'), samples: 3, seqLen: 2 ** 20, seed: 0 },
    evaluate: {
      text: [path.resolve('/true'), path.resolve('/1')],
      seqLen: 2,
      samples: 1,
      tasks: {
        names: ['piqa', 'arc_easy'],
        data: path.resolve('/data: sets'),
        fewShot: 5,
        bos: true,
        limit: 7,
      },
      cost: { batchSizes: [1, 4], promptLengths: [16], newTokens: 2, repeats: 2 },
    },
    device: 'cpu',
    memory: '1.5 GiB',
  };

  it.each([
    ['the defaults', { ...defaultRecipe(), model: path.resolve('/m') }],
    ['every key changed', unusual],
    ['a plain number of bytes', { ...unusual, memory: 123456789 }],
  ])('reads back what was written: %s', async (_what, recipe) => {
    expect(await read(formatRecipe(recipe))).toEqual(recipe);
  });

  it('explains its keys and shows a window on one line', () => {
    const text = formatRecipe(unusual);
    expect(text).toMatch(/^ +attention: \[0, 3\] # \[from, to\); null: the window that scales with depth$/m);
    expect(text).toMatch(
      /^ +criterion: random # taylor-vector, .*random; null: the one that suits the family$/m,
    );
  });

  it.each([
    ['model: [x', /^Flow sequence .* at line 1, column 10$/],
    ['model: a: b', /^Nested mappings are not allowed .* at line 1, column 8$/],
    ['model: *a', 'Unresolved alias (the anchor must be set before the alias): a'],
    [
      `a: &a [${'x,'.repeat(9)}]\nb: &b [${'*a,'.repeat(9)}]\nc: [${'*b,'.repeat(9)}]`,
      /^Excessive alias count/,
    ],
    [`a: ${'['.repeat(10_000)}`, /^Maximum call stack size exceeded/],
    ['', 'expected keys such as "model" and "prune", found none'],
    ['- model', 'expected keys such as "model" and "prune", found none'],
    [' '.repeat(2 ** 20 + 1), 'it has 1048577 bytes, and a recipe has at most 1048576'],
    [Uint8Array.of(0x6d, 0xff), 'it is not UTF-8 text'],
  ])('that is none is refused in a sentence: %j', async (text, sentence) => {
    const found = await complaint(text);
    if (typeof sentence === 'string') expect(found).toBe(sentence);
    else expect(found).toMatch(sentence);
    expect(found).not.toContain('\n');
  });

  it.each([
    ['prune: {ratio: 0.5}', 'model: expected the path of a model folder'],
    ['model: 5', 'model: expected the path of a model folder'],
    ['model: m\nrato: 0.5', '(the whole recipe): Unrecognized key: "rato"'],
    ['model: m\nprune: {rato: 0.5}', 'prune: Unrecognized key: "rato"'],
    ['model: m\nprune: {ratio: .nan}', 'prune.ratio: Invalid input: expected number, received NaN'],
    ['model: m\nprune: {ratio: half}', 'prune.ratio: Invalid input: expected number, received string'],
    ['model: m\nprune: {target: 80}', `prune.target: ${noTarget}`],
    [
      'model: m\nprune: {target: {bytes: much}}',
      'prune.target.bytes: expected a number of bytes, or a size such as 4GiB',
    ],
    [
      'model: m\nprune: {target: {percent: 100}}',
      'prune.target.percent: Too big: expected number to be <100',
    ],
    ['model: m\nprune: {target: {percent: 1, bytes: 5}}', `prune.target: ${noTarget}`],
    ['model: m\nprune: {round: 16}', 'prune.round: Invalid option: expected one of 1|8|64|256'],
    [
      'model: m\nprune: {edits: {ratios: {mlp: {last: 0.5}}}}',
      'prune.edits.ratios.mlp.last: expected the number of a layer',
    ],
    [
      'model: m\nprune: {edits: {ratios: {mlp: {5: 1}}}}',
      'prune.edits.ratios.mlp.5: Too big: expected number to be <1',
    ],
    ['model: m\nprune: {layers: {mlp: 3}}', 'prune.layers.mlp: expected [from, to), for example [4, 30]'],
    ['model: m\nprune: {layers: {mlp: [3]}}', 'prune.layers.mlp: expected [from, to), for example [4, 30]'],
    ['model: m\nevaluate: {text: []}', 'evaluate.text: expected the path of a text, or a list of them'],
    [
      'model: m\nevaluate: {tasks: {names: [piqa]}}',
      'evaluate.tasks.data: expected the path of a folder with the data of the tasks',
    ],
    ['model: m\nevaluate: {tasks: {names: [], data: d}}', 'evaluate.tasks.names: expected at least one task'],
    [
      'model: m\nevaluate: {tasks: {names: [piqa, piqa], data: d}}',
      'evaluate.tasks.names: a task is named twice',
    ],
    ['model: m\nmemory: 1.5', 'memory: expected auto, or a size such as 4GiB'],
    ['model: m\nmemory: 0GiB', 'memory: expected auto, or a size such as 4GiB'],
    ['model: m\nmemory: much', 'memory: expected auto, or a size such as 4GiB'],
    ['model: m\nmemory: [1]', 'memory: expected auto, or a size such as 4GiB'],
    ['model: m\ncalibration: {samples: 0}', 'calibration.samples: Too small: expected number to be >=1'],
  ])('names the key that does not fit: %j', async (text, sentence) => {
    expect(await complaint(text)).toBe(sentence);
  });

  it('lists what a key may be', async () => {
    const found = await complaint('model: m\nprune: {criterion: taylor}');
    expect(found).toMatch(/^prune\.criterion: .*"taylor-vector".*"magnitude-l2".*"random"/);
    const task = await complaint('model: m\nevaluate: {tasks: {names: [mmlu], data: d}}');
    expect(task).toMatch(/^evaluate\.tasks\.names\.0: .*"boolq"\|"piqa"/);
  });
});

describe('--set', () => {
  it('comes on top of the file, key by key, the last one last', async () => {
    const text = 'model: m\nprune: {ratio: 0.5, seed: 7, layers: {mlp: [1, 2]}}\n';
    const recipe = await read(text, 'prune.ratio=0.1', 'prune.layers.attention=[0, 1]', 'prune.ratio=0.2');
    expect(recipe.prune).toMatchObject({ ratio: 0.2, seed: 7, layers: { attention: [0, 1], mlp: [1, 2] } });
  });

  it('takes its value as YAML: a group, null, a text with =', async () => {
    const text = 'model: m\ncalibration: {source: a.txt, samples: 3}\n';
    const recipe = await read(text, 'calibration={seqLen: 9}', 'calibration.samples=', 'model=/a=b');
    expect(recipe.calibration).toMatchObject({ samples: null, seqLen: 9 });
    expect(recipe.model).toBe(path.resolve('/a=b'));
  });

  it('is enough without a file', async () => {
    expect((await readRecipe(undefined, ['model=m'], cwd)).model).toBe(path.join(cwd, 'm'));
  });

  it.each([
    ['prune.ratio', '--set: "prune.ratio" is not key=value'],
    ['=5', '--set: "=5" is not key=value'],
    ['prune.ratio=[', /^--set: "prune\.ratio=\[": Flow sequence/],
    ['prune.ratio=*a', /^--set: "prune\.ratio=\*a": Unresolved alias/],
    ['prune..ratio=1', 'prune: Unrecognized key: ""'],
  ])('must be a key and a value: %s', async (setting, sentence) => {
    const found = await complaint('model: m', setting);
    if (typeof sentence === 'string') expect(found).toBe(sentence);
    else expect(found).toMatch(sentence);
  });
});

describe('keys that lead to prototypes', () => {
  it.each([
    ['__proto__.polluted=1', '(the whole recipe): Unrecognized key: "__proto__"'],
    ['prune.__proto__.polluted=1', 'prune: Unrecognized key: "__proto__"'],
    ['constructor.prototype.polluted=1', '(the whole recipe): Unrecognized key: "constructor"'],
    ['toString.__proto__.polluted=1', '(the whole recipe): Unrecognized key: "toString"'],
  ])('are keys like any other in --set %s', async (setting, sentence) => {
    expect(await complaint('model: m', setting)).toBe(sentence);
    expect({}).not.toHaveProperty('polluted');
    expect(() => undefined).not.toHaveProperty('polluted');
  });

  it.each(['model: m\n__proto__: {polluted: 1}\n', 'model: m\nprune: {__proto__: {polluted: 1}}\n'])(
    'are keys like any other in a file: %j',
    async (text) => {
      expect(await complaint(text)).toMatch(/Unrecognized key: "__proto__"$/);
      expect({}).not.toHaveProperty('polluted');
    },
  );
});

describe('paths', () => {
  it('in a file are relative to its folder, those of --set to where the command runs', async () => {
    const folder = path.join(temporaryFolder(), 'deep', 'er');
    const file = await fileOf(
      'model: ../model\ncalibration: {source: c.jsonl}\nevaluate: {text: sub/e.txt}\n',
      folder,
    );
    const recipe = await readRecipe(file, [], cwd);
    expect(recipe.model).toBe(path.join(folder, '../model'));
    expect(recipe.calibration.source).toBe(path.join(folder, 'c.jsonl'));
    expect(recipe.evaluate.text).toBe(path.join(folder, 'sub/e.txt'));
    const set = await readRecipe(file, ['calibration.source=c.jsonl', 'evaluate={text: /abs/e.txt}'], cwd);
    expect(set.model).toBe(recipe.model);
    expect(set.calibration.source).toBe(path.join(cwd, 'c.jsonl'));
    expect(set.evaluate.text).toBe(path.resolve('/abs/e.txt'));
  });

  it('of the recipe itself are relative to where the command runs', async () => {
    const folder = temporaryFolder();
    await fileOf('model: m', folder);
    const relative = path.relative(cwd, path.join(folder, 'recipe.yaml'));
    expect((await readRecipe(relative, [], cwd)).model).toBe(path.join(folder, 'm'));
  });

  it('must lead to a file', async () => {
    const folder = temporaryFolder();
    const missing = path.join(folder, 'none.yaml');
    expect((await rejection(readRecipe(missing, [], cwd))).message).toBe(`${missing} does not exist`);
    expect((await rejection(readRecipe(folder, [], cwd))).code).toBe('file-unreadable');
  });
});

describe('sizes', () => {
  it.each([
    [1, 1],
    ['17B', 17],
    ['2kB', 2000],
    ['2 KiB', 2048],
    ['1.5MB', 1_500_000],
    ['1.5mib', 1_572_864],
    ['4GB', 4e9],
    ['4GiB', 4_294_967_296],
    ['0.0001 KB', 0],
  ])('%s is %d bytes', (size, bytes) => {
    expect(sizeInBytes(size)).toBe(bytes);
  });

  it.each(['4', '4TB', 'GiB', '-1GiB', '1e3B', '4GiB!', '', 1.5, Infinity])('%s is none', (size) => {
    expect(sizeInBytes(size)).toBeNaN();
  });
});

it('a recipe that was read is checked no matter where it came from', () => {
  expect(() => checkRecipe(null, 'here')).toThrow(/^here: \(the whole recipe\): /);
});

it.each([
  [{ mode: 'block', criterion: 'random' }, 'random'],
  [{ mode: 'block', criterion: null }, 'taylor-element1'],
  [{ mode: 'layer', criterion: 'random', drop: 'last' }, 'last'],
  [{ mode: 'none', criterion: 'random' }, 'none'],
] as const)('a run of %o is judged by %s', (prune, expected) => {
  expect(judgedBy({ ...defaultRecipe().prune, ...prune })).toBe(expected);
});
