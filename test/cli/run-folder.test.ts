import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunReport } from '../../main/engine/run.ts';
import type { LayerPlan } from '../../main/engine/prune/plan.ts';
import { command, documentOf, startCommand, type Finished } from '../fixtures/command-line.ts';
import { hashesBelow } from '../fixtures/folder-hashes.ts';
import { goldenForward, goldenModelFolder } from '../fixtures/golden-files.ts';
import { randomRows, writeRandomModel, writeRows } from '../fixtures/random-model.ts';

type RunDocument = RunReport & { readonly outDir: string; readonly modelDir: string };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'run-folder-'));
});
afterAll(() => rm(folder, { recursive: true }));

const json = async (file: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;

const setting = (values: Readonly<Record<string, string | number>>): string[] =>
  Object.entries(values).flatMap(([key, value]) => ['--set', `${key}=${value}`]);

/** All four layers of the golden model gqa, a Taylor criterion, rows of ids, text before and after. */
describe('a run', () => {
  const golden = goldenForward('gqa');
  let args: string[];
  let finished: Finished;
  let report: RunDocument;
  const inRun = (...parts: string[]): string => path.join(folder, 'run', ...parts);

  beforeAll(async () => {
    const recipe = path.join(folder, 'recipe.yaml');
    await writeRows(path.join(folder, 'calibration.jsonl'), golden.inputIds);
    await writeRows(path.join(folder, 'evaluation.jsonl'), [golden.perplexity.tokens]);
    await writeFile(
      recipe,
      `model: ${goldenModelFolder('gqa')}
prune: {criterion: taylor-vector, aggregation: sum, ratio: 0.25, layers: {attention: [0, 4], mlp: [0, 4]}}
calibration: {source: calibration.jsonl}
evaluate: {text: evaluation.jsonl, seqLen: 32}
`,
    );
    args = ['run', recipe, '--set', 'prune.criterion=taylor-element1', '--out', inRun(), '--json'];
    finished = await command(...args);
    report = documentOf(finished) as RunDocument;
  });

  it('prints its report, and where the result lies', async () => {
    const { outDir, modelDir, ...rest } = report;
    expect([outDir, modelDir]).toEqual([inRun(), inRun('model')]);
    expect(rest).toEqual(await json(inRun('report.json')));
    const weights = { macs: expect.any(Number) as number, weightBytes: 4 * golden.parameters };
    expect(report.before).toMatchObject({ parameters: golden.parameters, ...weights });
    expect(report.after.parameters).toBeLessThan(golden.parameters);
    expect(report.removedOfParameters).toBeCloseTo(1 - report.after.parameters / golden.parameters, 12);
    expect(report).toMatchObject({ criterion: 'taylor-element1', ratioInWindow: 0.25 });
    expect(report.calibration).toMatchObject({
      rows: golden.inputIds.length,
      tokens: golden.inputIds.flat().length,
    });
    expect(report.calibration?.loss).toBeCloseTo(golden.loss, 5);
    expect(report.evaluation).toEqual({ tokens: 34 * 32, chunks: 34, seqLen: 32 });
    expect((report.before.perplexity ?? 0) / golden.perplexity.byChunk[32]).toBeCloseTo(1, 5);
    expect(report.after.perplexity).toBeGreaterThan(1);
  });

  it('tells its stages on stderr', () => {
    expect(finished.stderr).toBe('evaluating before\nestimating\nslicing\nevaluating after\n');
  });

  it('keeps what it was calibrated on', async () => {
    const lines = (await readFile(inRun('calibration.jsonl'), 'utf8')).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
      golden.inputIds.map((ids) => ({ input_ids: ids })),
    );
  });

  it('writes what stays as ascending indices of the original', async () => {
    const { layers } = (await json(inRun('plan.json'))) as unknown as { layers: LayerPlan[] };
    expect(layers).toHaveLength(4);
    for (const { attention, mlp } of layers) {
      expect(Object.keys(attention).sort()).toEqual(['keptHeads', 'keptKvHeads']);
      expect(attention.keptKvHeads).toHaveLength(3);
      expect(attention.keptHeads).toEqual(attention.keptKvHeads.flatMap((kv) => [2 * kv, 2 * kv + 1]));
      expect(mlp.keptChannels).toHaveLength(30);
      for (const [kept, most] of [
        [attention.keptKvHeads, 4],
        [mlp.keptChannels, 40],
      ] as const) {
        expect(kept).toEqual([...new Set(kept)].sort((a, b) => a - b));
        expect(kept.every((index) => index >= 0 && index < most)).toBe(true);
      }
    }
    // Not simply the first ones.
    expect(layers.map(({ mlp }) => mlp.keptChannels.join())).not.toContain(
      Array.from({ length: 30 }, (_, i) => i).join(),
    );
  });

  it('writes the scores that its plan follows, one file a layer', async () => {
    const { layers } = (await json(inRun('plan.json'))) as unknown as { layers: LayerPlan[] };
    const files = Object.keys(hashesBelow(inRun('scores')));
    expect(files).toEqual([0, 1, 2, 3].map((layer) => `layer-00${layer}.json`));
    for (const [layer, file] of files.entries()) {
      const { heads, channels } = (await json(inRun('scores', file))) as {
        heads: number[];
        channels: number[];
      };
      const lowestKept = (scores: number[], kept: readonly number[]): number =>
        Math.min(...kept.map((i) => scores[i]));
      const highestRemoved = (scores: number[], kept: readonly number[]): number =>
        Math.max(...scores.filter((_, i) => !kept.includes(i)));
      expect([heads.length, channels.length]).toEqual([4, 40]);
      for (const [scores, kept] of [
        [heads, layers[layer].attention.keptKvHeads],
        [channels, layers[layer].mlp.keptChannels],
      ] as const) {
        expect(lowestKept(scores, kept)).toBeGreaterThanOrEqual(highestRemoved(scores, kept));
      }
    }
  });

  it('writes a config that any loader reads, since every layer has the same widths', async () => {
    const config = await json(inRun('model', 'config.json'));
    expect(config).toMatchObject({
      num_attention_heads: 6,
      num_key_value_heads: 3,
      intermediate_size: 30,
      head_dim: 6,
    });
    expect(Object.keys(config).filter((key) => key.endsWith('_per_layer'))).toEqual([]);
  });

  it('leaves a model of the size and the perplexity that it reported, exactly', async () => {
    const { parameters, macs, weightBytes, perplexity } = report.after;
    expect(documentOf(await command('inspect', report.modelDir, '--json'))).toMatchObject({
      parameters,
      macs,
      weightBytes,
      hasWeights: true,
    });
    const text = path.join(folder, 'evaluation.jsonl');
    const evaluated = await command('eval', report.modelDir, '--text', text, '--seq-len', '32', '--json');
    expect(documentOf(evaluated)).toMatchObject({ perplexity, ...report.evaluation });
  });

  it('is not done again by the same command, nor by resuming, and prints the same report', async () => {
    const before = hashesBelow(inRun());
    for (const again of [args, ['resume', inRun(), '--json']]) {
      const { stderr, ...rest } = await command(...again);
      expect(rest).toEqual({ code: finished.code, stdout: finished.stdout });
      expect(stderr).toBe('This run was finished before; nothing is done again.\n');
    }
    expect(hashesBelow(inRun())).toEqual(before);
  });

  it('is not written over by another recipe, nor by changed data', async () => {
    const before = hashesBelow(folder);
    const refused = await command(...args, '--set', 'prune.ratio=0.5');
    expect(documentOf(refused, 1)).toMatchObject({ error: { code: 'run-folder-occupied' } });
    expect(hashesBelow(folder)).toEqual(before);
    const data = path.join(folder, 'calibration.jsonl');
    const rows = await readFile(data);
    await writeFile(data, rows.subarray(rows.indexOf('\n') + 1));
    const changed = await command(...args);
    await writeFile(data, rows);
    expect(documentOf(changed, 1)).toMatchObject({ error: { code: 'run-folder-occupied' } });
    expect(hashesBelow(folder)).toEqual(before);
  });

  it('shows people the table, both ratios, and where the model lies', async () => {
    const { code, stdout } = await command(...args.slice(0, -1));
    expect(code).toBe(0);
    const percent = (100 * report.removedOfParameters).toFixed(1);
    expect(stdout).toContain(`Ratio 0.25 inside layers [0, 4): ${percent} % of all parameters.\n`);
    expect(stdout).toContain(`The pruned model is in ${inRun('model')}\n`);
    for (const row of ['Parameters', 'MACs (64 tokens)', 'Weights', 'Memory', 'Perplexity']) {
      expect(stdout).toMatch(new RegExp(`^${row.replace(/[()]/g, '\\$&')}.* %$`, 'm'));
    }
  });
});

it('a run of a part of the layers writes their widths one by one, and is read back', async () => {
  const out = path.join(folder, 'part');
  const settings = setting({
    model: goldenModelFolder('mha'),
    'prune.criterion': 'magnitude-l2',
    'prune.ratio': 0.5,
  });
  const document = documentOf(await command('run', ...settings, '--out', out, '--json')) as RunDocument;
  expect(document.before.perplexity).toBeNull();
  expect(document.after.perplexity).toBeNull();
  expect(document).toMatchObject({ evaluation: null, calibration: null });
  expect(await json(path.join(out, 'model/config.json'))).toMatchObject({
    num_attention_heads_per_layer: [4, 2, 2, 4],
    num_key_value_heads_per_layer: [4, 2, 2, 4],
    intermediate_size_per_layer: [48, 24, 24, 48],
  });
  const inspected = documentOf(await command('inspect', document.modelDir, '--json'));
  expect(inspected).toMatchObject({ parameters: document.after.parameters });
  const { stdout } = await command('resume', out);
  expect(stdout).not.toContain('Perplexity');
});

it('a run of texts takes the tokenizer along, and its result measures the same', async () => {
  const model = path.join(folder, 'with-tokenizer');
  await writeRandomModel(model, { vocab_size: 2100 });
  for (const file of ['tokenizer.json', 'tokenizer_config.json']) {
    await cp(path.resolve('resources/demo/model', file), path.join(model, file));
  }
  const text = path.join(folder, 'text.txt');
  await writeFile(text, (await readFile('resources/demo/heldout.txt', 'utf8')).slice(0, 8000));
  const settings = setting({
    model,
    'calibration.source': 'resources/demo/calibration.jsonl',
    'evaluate.text': text,
  });
  const document = documentOf(
    await command('run', ...settings, '--out', path.join(folder, 'text-run'), '--json'),
  ) as RunDocument;
  expect(document.calibration).toMatchObject({ rows: 10, tokens: 640 });
  const kept = (await readFile(path.join(document.outDir, 'calibration.jsonl'), 'utf8')).trim().split('\n');
  const source = await readFile('resources/demo/calibration.jsonl', 'utf8');
  const texts = source
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { text: string }).text);
  expect(kept).toHaveLength(10);
  for (const line of kept) {
    const { text: window, input_ids: ids } = JSON.parse(line) as { text: string; input_ids: number[] };
    expect(ids).toHaveLength(64);
    expect(texts.some((whole) => whole.includes(window.trim()))).toBe(true);
  }
  const result = hashesBelow(document.modelDir);
  expect(result).toMatchObject(hashesBelow(model, ['config.json', 'model.safetensors']));
  const evaluated = await command('eval', document.modelDir, '--text', text, '--json');
  expect(documentOf(evaluated)).toMatchObject({
    perplexity: document.after.perplexity,
    ...document.evaluation,
  });
});

it('a run without --out finds its folder by what it does, below where the command runs', async () => {
  const model = path.join(folder, 'small');
  await writeRandomModel(model);
  await writeRows(path.join(folder, 'rows.jsonl'), randomRows(4, 32));
  const args = ['run', ...setting({ model, 'prune.criterion': 'random' }), '--json'];
  const outDirs: string[] = [];
  for (const more of [[], [], ['--set', 'prune.ratio=0.5']]) {
    const finished = await startCommand([...args, ...more], { cwd: folder }).finished;
    outDirs.push((documentOf(finished) as RunDocument).outDir);
  }
  expect(outDirs[0]).toMatch(/runs[\\/]small-random-0\.25-[0-9a-f]{8}$/);
  expect(outDirs[1]).toBe(outDirs[0]);
  expect(outDirs[2]).toMatch(/runs[\\/]small-random-0\.5-[0-9a-f]{8}$/);
});
