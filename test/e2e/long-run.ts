import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunDetail, RunProgress, RunSettings, RunState } from '../../preload/contract.ts';
import { randomRows, writeRandomModel, writeRows } from '../fixtures/random-model.ts';
import { call, pick, type OpenStudio } from './harness.ts';

/** Files on disk for a run of some seconds: enough to reload, cancel, kill and quit in the middle of it. */
export interface RunFiles {
  readonly model: string;
  readonly rows: string;
}

const layers = 12;

export async function writeRunFiles(folder: string): Promise<RunFiles> {
  const model = path.join(folder, 'random-model');
  await writeRandomModel(model, { num_hidden_layers: layers, hidden_size: 128, intermediate_size: 384 });
  return { model, rows: await writeRows(path.join(folder, 'rows.jsonl'), randomRows(16, 256)) };
}

/** Settings of a run of these files, picked in the studio's dialogs. */
export async function longRun(
  studio: OpenStudio,
  files: RunFiles,
  changes: Partial<RunSettings['prune']> = {},
): Promise<RunSettings> {
  const { id: modelId } = await pick(studio, 'model', files.model);
  const { id: sourceId } = await pick(studio, 'text', files.rows);
  return {
    modelId,
    prune: {
      criterion: 'taylor-element1',
      aggregation: 'sum',
      ratio: 0.25,
      gqaFold: 'correct',
      layers: { attention: [0, layers], mlp: [0, layers] },
      seed: 42,
      ...changes,
    },
    calibration: { sourceId, samples: null, seqLen: 256, seed: 42 },
    evaluate: { textId: sourceId, seqLen: 256, samples: null },
    recover: null,
  };
}

/** A run that ends in a moment: no data, no evaluation. */
export async function shortRun(
  studio: OpenStudio,
  files: RunFiles,
  changes: Partial<RunSettings['prune']> = {},
): Promise<RunSettings> {
  const run = await longRun(studio, files, { criterion: 'magnitude-l1', ...changes });
  return { ...run, evaluate: { ...run.evaluate, textId: null } };
}

const ended: readonly RunState[] = ['finished', 'failed', 'cancelled', 'interrupted'];

/** Waits until the run has ended, one way or another. */
export function runEnded({ page }: Pick<OpenStudio, 'page'>, runId: string): Promise<RunDetail> {
  return runBecomes({ page }, runId, ({ run }) => ended.includes(run.state));
}

/** Waits until the run is in the midst of estimating: some layers are done, others are not. */
export async function midway({ page }: Pick<OpenStudio, 'page'>, runId: string): Promise<RunProgress> {
  const { progress, run } = await runBecomes({ page }, runId, ({ progress, run }) => {
    const isMidway = progress.stage === 'estimate' && progress.fraction > 0.1;
    return isMidway || ended.includes(run.state);
  });
  if (run.state !== 'running') throw new Error(`The run is ${run.state}: ${JSON.stringify(progress)}`);
  return progress;
}

async function runBecomes(
  { page }: Pick<OpenStudio, 'page'>,
  runId: string,
  is: (detail: RunDetail) => boolean,
): Promise<RunDetail> {
  const deadline = Date.now() + 100_000;
  for (;;) {
    const detail = await call(page, 'run:get', { runId });
    if (is(detail)) return detail;
    if (Date.now() > deadline)
      throw new Error(`The run never came so far: ${JSON.stringify(detail.progress)}`);
    await sleep(50);
  }
}
