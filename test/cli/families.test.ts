import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunReport } from '../../main/engine/run.ts';
import { openModel } from '../../main/engine/runtime/model.ts';
import { command, documentOf } from '../fixtures/command-line.ts';
import { goldenFamily } from '../fixtures/golden-files.ts';
import { settingsOf } from '../fixtures/killed-run.ts';

type RunDocument = RunReport & { readonly modelDir: string };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'families-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe.each(['chatglm2', 'chatglm', 'bloom', 'baichuan-13b', 'qwen3'])('a run of %s', (name) => {
  it('is scored, pruned, written, recovered and measured', async () => {
    const { folder: model, inputIds } = goldenFamily(name);
    const rows = Array.from({ length: 4 }, () => inputIds).flat();
    const data = path.join(folder, `${name}.jsonl`);
    await writeFile(data, rows.map((ids) => `${JSON.stringify({ input_ids: ids })}\n`).join(''));
    const settings = settingsOf({
      model,
      'prune.criterion': 'taylor-vector',
      'prune.ratio': 0.5,
      'calibration.source': data,
      'calibration.samples': 8,
      'calibration.seqLen': 14,
      'evaluate.text': data,
      'evaluate.seqLen': 14,
      'recover.data': data,
      'recover.steps': 3,
      'recover.batchSize': 4,
      'recover.validation.rows': 4,
    });
    const out = path.join(folder, name);
    const report = documentOf(await command('run', ...settings, '--out', out, '--json')) as RunDocument;
    expect(report.after.parameters).toBeLessThan(report.before.parameters);
    for (const { perplexity } of [report.before, report.after]) expect(Number(perplexity)).toBeGreaterThan(1);
    const pruned = await openModel(path.join(out, 'model'));
    const recovered = await openModel(path.join(out, 'recovered'));
    expect(recovered.config.layers).toEqual(pruned.config.layers);
    expect(recovered.config.headOrigins).toEqual(pruned.config.headOrigins);
    await pruned.checkpoint.close();
    await recovered.checkpoint.close();
  });
});
