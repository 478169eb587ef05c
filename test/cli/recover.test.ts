import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunReport } from '../../main/engine/run.ts';
import { command, documentOf } from '../fixtures/command-line.ts';
import { expectResumes, killAt, moments, resultOf, settingsOf, type Moment } from '../fixtures/killed-run.ts';
import { randomRows, writeRandomModel, writeRows } from '../fixtures/random-model.ts';

type RunDocument = RunReport & { readonly outDir: string; readonly modelDir: string };

const vocabSize = 64;
const eventsIn = (out: string): { type: string; stage?: string; step?: number; loss?: number }[] => {
  const file = path.join(out, 'events.jsonl');
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { type: string });
};

let folder: string;
let shared: Record<string, string | number | boolean>;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'recover-'));
  const model = path.join(folder, 'model');
  await writeRandomModel(model, {
    vocab_size: vocabSize,
    hidden_size: 48,
    intermediate_size: 96,
    eos_token_id: 2,
  });
  // Rows that count upwards: something there is to be learnt.
  const counting = randomRows(60, 1, vocabSize, 3).map(([first], row) =>
    Array.from({ length: 9 + (row % 14) }, (_, i) => (first + 3 * i) % vocabSize),
  );
  const data = path.join(folder, 'training.jsonl');
  const rows = counting.map((ids) => ({ input_ids: ids, labels: ids.map((id, i) => (i < 2 ? -100 : id)) }));
  await writeFile(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  shared = {
    model,
    'prune.criterion': 'magnitude-l2',
    'prune.ratio': 0.5,
    'evaluate.text': await writeRows(path.join(folder, 'evaluation.jsonl'), counting.slice(0, 40)),
    'evaluate.seqLen': 16,
    'recover.data': data,
    'recover.steps': 24,
    'recover.batchSize': 8,
    'recover.learningRate': 0.02,
    'recover.warmupSteps': 3,
    'recover.lora.dropout': 0.1,
    'recover.validation.rows': 8,
    'recover.validation.everySteps': 6,
    'recover.checkpoint.everySteps': 5,
  };
});
afterAll(() => rm(folder, { recursive: true }));

const run = async (out: string, changes: typeof shared = {}): Promise<RunDocument> =>
  documentOf(
    await command('run', ...settingsOf({ ...shared, ...changes }), '--out', out, '--json'),
  ) as RunDocument;

describe('a training at a rate far too high', () => {
  const demo = path.resolve('resources/demo');
  const wild = {
    model: path.join(demo, 'model'),
    'recover.data': path.join(demo, 'recovery.txt'),
    'recover.cutoff': 64,
    'recover.steps': 20,
    'recover.batchSize': 4,
    'recover.learningRate': 0.3,
    'recover.warmupSteps': 0,
  };

  it.each([
    [
      'without validation',
      0,
      /at step \d+: its loss is [\d.]+, and [\d.]+ on the same rows before any training/,
    ],
    ['by its validation', 8, /(at step \d+: its loss is|after step \d+: its validation loss is)/],
  ])('is stopped, not reported as a result: %s', async (name, rows, why) => {
    const out = path.join(folder, `wild ${name}`);
    const settings = settingsOf({
      ...wild,
      'recover.validation.rows': rows,
      'recover.validation.everySteps': 5,
    });
    const { code, stderr } = await command('recover', ...settings, '--out', out);
    expect(code).toBe(1);
    expect(stderr).toMatch(why);
    expect(stderr).toContain('a third of recover.learningRate');
    expect(existsSync(path.join(out, 'recovered'))).toBe(false);
  });
});

describe('a run that recovers', () => {
  let out: string;
  let report: RunDocument;
  beforeAll(async () => {
    out = path.join(folder, 'whole');
    report = await run(out);
  });

  it('reports the original, the pruned and the recovered model', () => {
    const { recovery, before, after } = report;
    expect(recovery?.control).toBeNull();
    expect(recovery?.recovered).toMatchObject({ rows: 52, validationRows: 8, steps: 24, passedOver: 0 });
    expect(after.parameters).toBeLessThan(before.parameters);
    expect(recovery?.recovered.perplexity).toBeLessThan(0.7 * (after.perplexity ?? NaN));
    const { validationLoss } = recovery?.recovered ?? {};
    expect(validationLoss?.kept).toBeLessThan(validationLoss?.before ?? NaN);
    expect(report.modelDir).toBe(path.join(out, 'recovered'));
  });

  it('leaves the pruned model, the recovered one, the adapter and its curve, and nothing of the way', () => {
    const files = Object.keys(resultOf(out));
    for (const name of ['README.md', 'config.json', 'model.safetensors']) {
      expect(files).toContain(`model/${name}`);
      expect(files).toContain(`recovered/${name}`);
    }
    expect(readdirSync(path.join(out, 'recovery')).sort()).toEqual([
      'adapter.safetensors',
      'curve.json',
      'performance.json',
    ]);
    const curve = JSON.parse(readFileSync(path.join(out, 'recovery/curve.json'), 'utf8'));
    expect(curve.steps).toHaveLength(24);
    expect(curve.validations.map(({ step }: { step: number }) => step)).toEqual([0, 6, 12, 18, 24]);
    expect(readFileSync(path.join(out, 'recovered/README.md'), 'utf8')).toContain(
      'It was then trained for 24 steps on 52 rows by LoRA (rank 8, alpha 16), and the adapter was merged into the weights.',
    );
  });

  it('says what the training took of the machine', async () => {
    const { performance } = report;
    expect(performance?.control).toBeNull();
    const taken = performance?.recovered;
    expect(taken?.tokensPerSecond).toBeGreaterThan(0);
    expect(taken?.tokensPerSecondAtRawRate).toBeGreaterThan(taken?.tokensPerSecond ?? NaN);
    expect(taken?.rawFlopsPerSecond).toBeGreaterThan(1e8);
    expect(taken?.peakMemoryBytes).toBeGreaterThan(50 * 2 ** 20);
    expect(taken?.memoryBudgetBytes).toBeGreaterThan(0);
    const { stdout } = await command('resume', out);
    expect(stdout).toMatch(
      /[\d,]+ tokens\/s, \d+ % of the raw matrix rate\. Peak memory of the training process [\d.]+ MiB; the budget is [\d.]+ MiB beside the program's own 300\.0 MiB\.\n/,
    );
  });

  it('tells of every step in its events', () => {
    const steps = eventsIn(out).filter(({ type }) => type === 'training-step');
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 24 }, (_, i) => i + 1));
    expect(Object.keys(steps[0]).sort()).toEqual([
      'gradientNorm',
      'learningRate',
      'loss',
      'stage',
      'step',
      'steps',
      'time',
      'tokensPerSecond',
      'type',
    ]);
  });

  it('writes its choices into the recipe, which gives the same run again', async () => {
    const recipe = readFileSync(path.join(out, 'recipe.yaml'), 'utf8');
    expect(recipe).toMatch(/targets: \[q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj\] #/);
    expect(recipe).toMatch(/microBatch: 8 #/);
    const again = await command('run', path.join(out, 'recipe.yaml'), '--out', out, '--json');
    expect(again.stderr).toContain('nothing is done again');
  });

  it('measures what eval measures', async () => {
    const evaluated = documentOf(
      await command(
        'eval',
        report.modelDir,
        '--text',
        String(shared['evaluate.text']),
        '--seq-len',
        '16',
        '--json',
      ),
    ) as { perplexity: number };
    expect(evaluated.perplexity).toBe(report.recovery?.recovered.perplexity);
  });

  it('says so in a table', async () => {
    const { stdout } = await command('resume', out);
    expect(stdout).toMatch(/original +pruned +recovered\n/);
    expect(stdout).toMatch(/Of the rise in log-perplexity, -?[\d.]+ % came back\.|Trained [\d,]+ parameters/);
  });

  it.each<[string, Moment[]]>([
    ['before its first checkpoint', [moments.inTraining(2)]],
    ['after checkpoints', [moments.inTraining(12)]],
    ['twice', [moments.inTraining(7), moments.inTraining(18)]],
  ])('killed in its training %s, ends in the same bytes once resumed', async (_when, kills) => {
    const killed = path.join(folder, 'killed');
    await killAt(['run', ...settingsOf(shared), '--json'], killed, kills);
    await expectResumes(killed, { report, result: resultOf(out) }, 'recovered');
  });

  it('whose result was removed, makes it again', async () => {
    const bytes = resultOf(out);
    await rm(path.join(out, 'recovered'), { recursive: true });
    await command('resume', out, '--json');
    expect(resultOf(out)).toEqual(bytes);
  });

  it('as an adapter: a PEFT folder beside the pruned model, of the perplexity of the merged one', async () => {
    const at = path.join(folder, 'adapter');
    const { recovery, modelDir } = await run(at, { 'recover.output': 'adapter' });
    expect(readdirSync(modelDir).sort()).toEqual([
      'README.md',
      'adapter_config.json',
      'adapter_model.safetensors',
    ]);
    const config = JSON.parse(readFileSync(path.join(modelDir, 'adapter_config.json'), 'utf8'));
    expect(config).toMatchObject({
      peft_type: 'LORA',
      r: 8,
      lora_alpha: 16,
      base_model_name_or_path: expect.stringMatching(/^\/.*\/model$/) as string,
    });
    expect(recovery?.recovered.perplexity).toBe(report.recovery?.recovered.perplexity);
    const text = String(shared['evaluate.text']);
    const args = ['eval', modelDir, '--text', text, '--seq-len', '16', '--json'];
    const evaluated = documentOf(await command(...args)) as { perplexity: number };
    expect(evaluated.perplexity).toBe(report.recovery?.recovered.perplexity);
  });

  it('beside weights in 8 bits: other bits of the adapter, merged into the weights as stored', async () => {
    const at = path.join(folder, 'int8');
    const { recovery, modelDir } = await run(at, { 'recover.base': 'int8' });
    expect([report.recovery?.base, recovery?.base]).toEqual(['stored', 'int8']);
    const [stored, int8] = [report, { recovery }].map((of) => of.recovery?.recovered.perplexity ?? NaN);
    expect(int8).not.toBe(stored);
    expect(Math.abs(int8 / stored - 1)).toBeLessThan(0.05);
    expect(readFileSync(path.join(modelDir, 'README.md'), 'utf8')).toContain('beside weights held in 8 bits');
    // What no adapter changes is what the pruned model has.
    expect(resultOf(at)['model/model.safetensors']).toBe(resultOf(out)['model/model.safetensors']);
    expect((await command('resume', at)).stdout).toContain('were held in 8 bits');
  });

  it('killed beside weights in 8 bits, ends in the same bytes once resumed', async () => {
    const at = path.join(folder, 'int8');
    const whole = documentOf(await command('resume', at, '--json')) as RunDocument;
    const killed = path.join(folder, 'killed-int8');
    await killAt(['run', ...settingsOf({ ...shared, 'recover.base': 'int8' }), '--json'], killed, [
      moments.inTraining(12),
    ]);
    await expectResumes(killed, { report: whole, result: resultOf(at) }, 'recovered');
  });

  it('with a control: the original, trained the same way', async () => {
    const { recovery, before } = await run(path.join(folder, 'control'), { 'recover.control': true });
    expect(recovery?.recovered).toEqual(report.recovery?.recovered);
    expect(recovery?.control).toMatchObject({ rows: 52, steps: 24 });
    expect(recovery?.control?.perplexity).toBeLessThan(before.perplexity ?? NaN);
    expect(recovery?.control?.trainableParameters).toBeGreaterThan(
      recovery?.recovered.trainableParameters ?? NaN,
    );
  });

  it('recovered alone, is what it is within a run', async () => {
    const pruned = path.join(out, 'model');
    const alone = path.join(folder, 'alone');
    const args = settingsOf({ ...shared, model: pruned, 'prune.ratio': 0.25 });
    const found = documentOf(await command('recover', ...args, '--out', alone, '--json')) as RunDocument;
    expect(found.recovery).toEqual(report.recovery);
    expect(found.before).toEqual(report.after);
    expect(found.removedOfParameters).toBe(0);
    const hashes = resultOf(alone);
    expect(hashes['recovered/model.safetensors']).toBe(resultOf(out)['recovered/model.safetensors']);
    expect(
      Object.keys(hashes).filter((name) => name.startsWith('model/') || name.startsWith('scores/')),
    ).toEqual([]);
    const { stdout } = await command('resume', alone);
    expect(stdout).toMatch(/before +recovered\n/);
  });
});

describe('a run that cannot recover says so before it prunes', () => {
  it.each<[string, typeof shared, string, RegExp]>([
    ['no data', { 'recover.data': '/nowhere.json' }, 'file-missing', /nowhere\.json/],
    [
      'unknown targets',
      { 'recover.lora.targets': '[w_proj]' },
      'recipe-invalid',
      /names "w_proj"; the layers of this model have q_proj, /,
    ],
    ['a template that is none', { 'recover.template': 'nothing' }, 'file-missing', /nothing/],
    [
      'too many rows for validation',
      { 'recover.validation.rows': 60 },
      'text-too-short',
      /none are left to train on/,
    ],
  ])('%s', async (what, changes, code, message) => {
    const out = path.join(folder, `refused-${what}`);
    const { error } = documentOf(
      await command('run', ...settingsOf({ ...shared, ...changes }), '--out', out, '--json'),
      1,
    ) as {
      error: { code: string; message: string };
    };
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(existsSync(path.join(out, 'model'))).toBe(false);
  });

  it('without the key that says how', async () => {
    const args = ['--set', `model=${String(shared['model'])}`, '--json'];
    const { error } = documentOf(await command('recover', ...args), 1) as { error: object };
    expect(error).toMatchObject({
      code: 'recipe-invalid',
      message:
        'The recipe asks for nothing: prune.mode is none, there is no key "recover", and nothing is to be evaluated.',
    });
  });
});
