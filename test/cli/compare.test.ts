import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunReport } from '../../main/engine/run.ts';
import type { Comparison } from '../../main/studio/compare/comparison.ts';
import { command, documentOf } from '../fixtures/command-line.ts';
import { randomRows, writeRandomModel, writeRows } from '../fixtures/random-model.ts';

let folder: string;
let model: string;
let reports: Record<'a' | 'b', RunReport>;
const at = (name: string): string => path.join(folder, name);

async function pruned(name: string, ...settings: readonly string[]): Promise<RunReport> {
  const set = [
    `model=${model}`,
    'prune.criterion=magnitude-l1',
    'prune.layers.attention=[0, 4]',
    'prune.layers.mlp=[0, 4]',
    `evaluate.text=${at('rows.jsonl')}`,
    ...settings,
  ].flatMap((setting) => ['--set', setting]);
  return documentOf(await command('run', ...set, '--out', at(name), '--json')) as RunReport;
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'compare-'));
  model = at('tiny');
  await writeRandomModel(model);
  await writeRows(at('rows.jsonl'), randomRows(8, 64));
  reports = {
    a: await pruned('a', 'prune.ratio=0.25', 'evaluate.seqLen=32'),
    b: await pruned('b', 'prune.ratio=0.5', 'evaluate.seqLen=16'),
  };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('compare', () => {
  it('sets runs side by side, each protocol in its own row, and their original once', async () => {
    const compared = await command('compare', at('a'), at('b'), model, '--format', 'json');
    const { models, rows, recipes } = documentOf(compared) as Comparison;
    expect(models.map(({ role }) => role)).toEqual(['original', 'pruned', 'pruned']);
    const values = (kind: string): unknown[] =>
      rows.filter((row) => row.kind === kind).map(({ cells }) => cells.map(({ value }) => value));
    const { a, b } = reports;
    expect(values('parameters')).toEqual([[a.before.parameters, a.after.parameters, b.after.parameters]]);
    expect(values('perplexity')).toEqual([
      [a.before.perplexity, a.after.perplexity, null],
      [b.before.perplexity, null, b.after.perplexity],
    ]);
    expect(recipes.differences).toEqual([
      { key: 'prune.ratio', values: ['0.25', '0.5'] },
      { key: 'evaluate.seqLen', values: ['32', '16'] },
    ]);
  });

  it('writes text, or what else is asked for, to a file too', async () => {
    const text = await command('compare', at('a'), at('b'));
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(/^Parameters .*▲−\d/m);
    expect(text.stdout).toMatch(/^prune\.ratio +0\.25 +0\.5$/m);
    const page = at('page.html');
    const written = await command('compare', at('a'), '--format', 'html', '--out', page);
    expect([written.code, written.stdout]).toEqual([0, '']);
    expect(await readFile(page, 'utf8')).toMatch(/^<!doctype html>/);
    const table = await command('compare', at('a'), '--format', 'markdown');
    expect(table.stdout).toMatch(/^\| Parameters \|/m);
  });

  it('reads the report of a run whose model was removed', async () => {
    const before = await command('compare', at('a'), '--format', 'json');
    await rename(at('a/model'), at('moved'));
    const after = await command('compare', at('a'), '--format', 'json');
    await rename(at('moved'), at('a/model'));
    expect(documentOf(after)).toEqual(documentOf(before));
  });

  it('refuses what it cannot read, in one sentence', async () => {
    const nowhere = await command('compare', at('a'), at('nowhere'));
    expect([nowhere.code, nowhere.stdout]).toEqual([1, '']);
    expect(nowhere.stderr).toContain('nowhere does not exist');
    await rm(at('b/report.json'));
    const unfinished = await command('compare', at('a'), at('b'));
    expect(unfinished.code).toBe(1);
    expect(unfinished.stderr).toMatch(/is not finished.*\nhint: .*llm-pruner resume/);
    expect((await command('compare', at('a'), '--format', 'pdf')).code).toBe(2);
  });
});
