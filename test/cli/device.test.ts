import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LayerScores } from '../../main/engine/prune/estimate.ts';
import type { RunReport, RunSettings } from '../../main/engine/run.ts';
import { worstOfLargest } from '../fixtures/closeness.ts';
import { documentOf, startCommand, type Finished } from '../fixtures/command-line.ts';
import { randomRows, writeRandomModel, writeRows } from '../fixtures/random-model.ts';
import { softwareCard } from '../fixtures/software-card.ts';

let folder: string;
let shared: Record<string, string | number>;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'device-'));
  const model = path.join(folder, 'model');
  await writeRandomModel(model);
  const rows = randomRows(6, 16);
  const training = rows.map((ids) => `${JSON.stringify({ input_ids: ids, labels: ids })}\n`);
  const data = path.join(folder, 'training.jsonl');
  await writeFile(data, training.join(''));
  shared = {
    model,
    'prune.ratio': 0.5,
    'prune.layers': '{attention: [1, 3], mlp: [1, 3]}',
    'calibration.source': await writeRows(path.join(folder, 'calibration.jsonl'), rows),
    'evaluate.text': await writeRows(path.join(folder, 'evaluation.jsonl'), randomRows(4, 16, 97, 2)),
    'evaluate.seqLen': 16,
    'recover.data': data,
    'recover.steps': 4,
    'recover.batchSize': 4,
    'recover.learningRate': 0.01,
    'recover.warmupSteps': 1,
    'recover.validation.rows': 2,
    'recover.output': 'adapter',
  };
});
afterAll(() => rm(folder, { recursive: true }));

const run = (device: string, env: Readonly<Record<string, string>>, ...more: string[]): Promise<Finished> => {
  const set = Object.entries({ ...shared, device }).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const out = path.join(folder, `${device}-${Object.keys(env).length}`);
  return startCommand(['run', ...set, '--out', out, '--json', ...more], { env }).finished;
};

const reportOf = (finished: Finished): RunReport & { outDir: string } =>
  documentOf(finished) as RunReport & { outDir: string };

const fileIn = (out: string, ...parts: string[]): unknown =>
  JSON.parse(readFileSync(path.join(out, ...parts), 'utf8'));

/** A machine may have a card beside the renderer: that one is slower than the processor then. */
const unasked =
  /^Computing on the processor: (no graphics card was found|it is 0\.\d+ times as fast as the processor)\.$/m;

/** A machine whose Vulkan finds no driver. */
const noCard = { VK_DRIVER_FILES: '/dev/null' };

describe('with a software renderer for a card', () => {
  it('a run computes there what it computes on the processor', async () => {
    const [card, processor] = [
      reportOf(await run('webgpu', softwareCard())),
      reportOf(await run('cpu', softwareCard())),
    ];
    const { settings } = fileIn(card.outDir, 'settings.json') as { settings: RunSettings };
    expect(settings.device).toEqual({ kind: 'webgpu', card: expect.any(String) });
    expect(settings.memory.residency).toBe('card');
    const perplexities = ({ before, after, recovery }: RunReport): (number | null | undefined)[] => [
      before.perplexity,
      after.perplexity,
      recovery?.recovered.perplexity,
    ];
    expect(worstOfLargest(perplexities(card).map(Number), perplexities(processor).map(Number))).toBeLessThan(
      1e-5,
    );
    expect(Math.abs((card.calibration?.loss ?? 0) / (processor.calibration?.loss ?? 1) - 1)).toBeLessThan(
      1e-5,
    );
    expect(fileIn(card.outDir, 'plan.json')).toEqual(fileIn(processor.outDir, 'plan.json'));
    for (const layer of ['layer-001.json', 'layer-002.json']) {
      const [found, expected] = [card, processor].map(
        ({ outDir }) => fileIn(outDir, 'scores', layer) as LayerScores,
      );
      expect(worstOfLargest(found.channels, expected.channels)).toBeLessThan(1e-4);
      expect(worstOfLargest(found.heads, expected.heads)).toBeLessThan(1e-4);
    }
  });

  it('the device is part of what a run is: the other one’s folder is not taken for it', async () => {
    const [card, processor] = ['webgpu-2', 'cpu-2'].map(
      (name) =>
        (fileIn(path.join(folder, name), 'settings.json') as { identity: { hash: string } }).identity.hash,
    );
    expect(card).not.toBe(processor);
  });

  it('auto takes the processor, and says so', async () => {
    const finished = await run('auto', softwareCard());
    expect(finished.stderr).toMatch(unasked);
    const { outDir } = reportOf(finished);
    expect((fileIn(outDir, 'settings.json') as { settings: RunSettings }).settings.device).toEqual({
      kind: 'cpu',
    });
    expect(readFileSync(path.join(outDir, 'recipe.yaml'), 'utf8')).toMatch(/^device: cpu\b/m);
  });

  it('the test of the card lists what computes on it, and that nothing falls back', async () => {
    const tested = documentOf(await startCommand(['device', '--json'], { env: softwareCard() }).finished);
    expect(tested).toMatchObject({
      card: {
        fallbacks: [],
        onCard: expect.arrayContaining(['MatMul', 'Transpose', 'Softmax', 'Slice', 'ScatterElements']),
      },
      usable: true,
      auto: 'cpu',
    });
    expect((tested as { card: { worstDifference: number } }).card.worstDifference).toBeLessThan(1e-4);
  });
});

describe('without a card', () => {
  it('auto takes the processor, and says so', async () => {
    const { code, stderr } = await run('auto', noCard, '--set', 'prune.criterion=magnitude-l2');
    expect(code).toBe(0);
    expect(stderr).toMatch(/^Computing on the processor: no (driver|graphics card) .*\.$/m);
  });

  it('webgpu is an error with a hint, and no folder is made', async () => {
    const finished = await run('webgpu', noCard);
    expect(documentOf(finished, 1)).toEqual({
      error: {
        code: 'device-unavailable',
        message: 'device is webgpu, but there is no usable graphics card: no driver offers one to WebGPU.',
        facts: { reason: 'no driver offers one to WebGPU' },
        hint: 'Install or update the driver of the graphics card, or set `device: auto` or `device: cpu`.',
      },
    });
    expect(() => readFileSync(path.join(folder, 'webgpu-1', 'settings.json'))).toThrow('ENOENT');
  });
});
