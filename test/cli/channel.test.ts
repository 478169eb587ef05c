import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunReport } from '../../main/engine/run.ts';
import { keptLayers, type PrunePlan } from '../../main/engine/prune/plan.ts';
import { command, documentOf, type Finished } from '../fixtures/command-line.ts';
import { goldenChannel, goldenForward, goldenModelFolder } from '../fixtures/golden-files.ts';
import { expectResumes, killAt, makeLongRun, moments, resultOf, settingsOf } from '../fixtures/killed-run.ts';
import { randomRows, writeRandomModel, writeRows } from '../fixtures/random-model.ts';

type RunDocument = RunReport & { readonly outDir: string; readonly modelDir: string };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'channel-'));
});
afterAll(() => rm(folder, { recursive: true }));

const json = async (...parts: string[]): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(path.join(...parts), 'utf8')) as Record<string, unknown>;

describe('a run that prunes hidden indices', () => {
  const golden = goldenChannel('gqa-1');
  const { perplexity } = goldenForward('gqa');
  let finished: Finished;
  let report: RunDocument;
  let out: string;
  let settings: string[];

  beforeAll(async () => {
    out = path.join(folder, 'run');
    settings = settingsOf({
      model: goldenModelFolder('gqa'),
      'prune.mode': 'channel',
      'prune.ratio': 0.2,
      'calibration.source': await writeRows(path.join(folder, 'calibration.jsonl'), golden.inputIds),
      'evaluate.text': await writeRows(path.join(folder, 'evaluation.jsonl'), [perplexity.tokens]),
      'evaluate.seqLen': 32,
    });
    finished = await command('run', ...settings, '--out', out, '--json');
    report = documentOf(finished) as RunDocument;
  });

  it('keeps the hidden indices of the reference, all heads and all channels', async () => {
    const plan = (await json(out, 'plan.json')) as unknown as PrunePlan;
    expect(plan.hidden).toEqual(golden.picks.element1.sum['0.2'].kept);
    for (const { attention, mlp } of keptLayers(plan)) {
      expect([attention.keptHeads.length, attention.keptKvHeads.length, mlp.keptChannels.length]).toEqual([
        8, 4, 40,
      ]);
    }
  });

  it('reports what the plan told beforehand, and the sizes that PyTorch counts', async () => {
    const planned = documentOf(await command('plan', ...settings, '--json')) as RunReport;
    const { parameters } = golden.pruned;
    expect(report).toMatchObject({
      ratioInWindow: 0.2,
      hiddenSize: { before: 48, after: 38 },
      windows: { attention: [0, 4], mlp: [0, 4] },
      after: { parameters },
    });
    expect(planned).toMatchObject({
      hiddenSize: report.hiddenSize,
      after: { parameters, macs: report.after.macs, weightBytes: report.after.weightBytes },
    });
    const text = await command('plan', ...settings);
    expect(text.stdout).toContain('Ratio 0.2 of the hidden size, 48 to 38 through the whole network:');
  });

  it('leaves a folder of fewer hidden indices, which opens and measures as the report says', async () => {
    const model = path.join(out, 'model');
    expect(await json(model, 'config.json')).toMatchObject({
      architectures: ['MistralForCausalLM'],
      hidden_size: 38,
      head_dim: 6,
      num_attention_heads: 8,
      num_key_value_heads: 4,
      intermediate_size: 40,
    });
    expect(await readFile(path.join(model, 'README.md'), 'utf8')).toContain(
      'a ratio of 0.2 of the hidden indices, the same ones through the whole network',
    );
    const text = path.join(folder, 'evaluation.jsonl');
    const measured = documentOf(
      await command('eval', model, '--text', text, '--seq-len', '32', '--json'),
    ) as { perplexity: number };
    expect(measured.perplexity).toBe(report.after.perplexity);
  });

  it('has no ranking over layers', async () => {
    const refused = await command('plan', ...settings, '--set', 'prune.scope=global');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(
      'prune.mode: channel ranks all it may remove together: prune.scope is for blocks',
    );
  });
});

describe('a run of pruned hidden indices that is killed', () => {
  it.each([
    ['once', { 'prune.mode': 'channel' }],
    ['in steps', { 'prune.mode': 'channel', 'prune.steps': 2, 'calibration.samples': 12 }],
  ])('%s ends in the same bytes once resumed', async (_what, settings) => {
    const args = [...(await makeLongRun(folder)), ...settingsOf(settings)];
    const out = path.join(folder, 'uninterrupted');
    await rm(out, { recursive: true, force: true });
    const report = documentOf(await command(...args, '--out', out)) as object;
    const result = resultOf(out);
    const names = Object.keys(result);
    for (const part of ['embedding', 'head', 'layer-000', 'layer-007'])
      expect(names).toContain(`scores/${part}.json`);
    const killed = path.join(folder, 'killed');
    await killAt(args, killed, [moments.inEstimate(1), moments.inEstimate(4), moments.inSlice()]);
    await expectResumes(killed, { report, result });
  });
});

describe('a recovery of pruned hidden indices', () => {
  it('trains, merges, and measures better', async () => {
    const model = path.join(folder, 'small');
    await writeRandomModel(model, { vocab_size: 64, hidden_size: 48, intermediate_size: 96 });
    const counting = randomRows(60, 1, 64, 3).map(([first]) =>
      Array.from({ length: 16 }, (_, i) => (first + 3 * i) % 64),
    );
    const rows = await writeRows(path.join(folder, 'rows.jsonl'), counting);
    const out = path.join(folder, 'recovered');
    const settings = {
      model,
      'prune.mode': 'channel',
      'prune.criterion': 'magnitude-l2',
      'prune.ratio': 0.3,
      'evaluate.text': rows,
      'evaluate.seqLen': 16,
      'recover.data': rows,
      'recover.steps': 20,
      'recover.batchSize': 8,
      'recover.learningRate': 0.02,
      'recover.warmupSteps': 3,
    };
    const report = documentOf(
      await command('run', ...settingsOf(settings), '--out', out, '--json'),
    ) as RunDocument;
    const { after, recovery } = report;
    expect(recovery?.recovered.perplexity).toBeLessThan((after.perplexity ?? 0) / 2);
    expect(await json(out, 'recovered', 'config.json')).toMatchObject({
      hidden_size: 33,
      num_attention_heads: 4,
    });
  });
});
