import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { RunReport } from '../../main/engine/run.ts';
import { command, documentOf } from '../fixtures/command-line.ts';

it('the demo at half its size gets at least half of its log-perplexity back', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'demo-recovery-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const args = ['run', 'resources/demo/recover.yaml', '--out', path.join(folder, 'run'), '--json'];
  const { before, after, recovery, removedOfParameters } = documentOf(await command(...args)) as RunReport;
  expect(removedOfParameters).toBeCloseTo(0.5, 1);
  const logOf = (perplexity: number | null | undefined): number => Math.log(perplexity ?? NaN);
  const lost = logOf(after.perplexity) - logOf(before.perplexity);
  const returned = logOf(after.perplexity) - logOf(recovery?.recovered.perplexity);
  expect(lost).toBeGreaterThan(0.5);
  expect(returned / lost).toBeGreaterThanOrEqual(0.5);
}, 900_000);
