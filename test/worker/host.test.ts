import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { RunSettings } from '../../main/engine/run.ts';
import type * as hosting from '../../main/worker/host.ts';
import type { Job, JobEvent } from '../../main/worker/messages.ts';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';
import { bundleModule } from '../fixtures/bundled-module.ts';
import { hashesBelow } from '../fixtures/folder-hashes.ts';
import { goldenForward } from '../fixtures/golden-files.ts';
import { randomRows, writeRandomModel, writeRows } from '../fixtures/random-model.ts';
import { runSettings } from '../fixtures/run-settings.ts';

let host: string;
let startJob: typeof hosting.startJob;
beforeAll(async () => {
  host = pathToFileURL(await bundleModule('main/worker/host.ts')).href;
  ({ startJob } = (await import(host)) as typeof hosting);
});

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

const stageOf = (event: JobEvent): string => (event.type === 'stage' ? event.stage : '');
const runIn = (settings: RunSettings): Job & { kind: 'run' } => ({
  kind: 'run',
  settings,
  folder: path.join(folder, 'run'),
});

/** A Taylor run that takes eight layers through four batches of 512 tokens. */
async function longRun(): Promise<Job & { kind: 'run' }> {
  const model = path.join(folder, 'model');
  await writeRandomModel(model, { num_hidden_layers: 8, hidden_size: 64, intermediate_size: 128 });
  const source = await writeRows(path.join(folder, 'rows.jsonl'), randomRows(8, 256));
  const all = [0, 8] as const;
  return runIn({
    ...runSettings,
    model,
    prune: { ...runSettings.prune, criterion: 'taylor-element1', windows: { attention: all, mlp: all } },
    calibration: { ...runSettings.calibration, source },
    memory: { ...runSettings.memory, batchTokens: 512 },
  });
}

describe('a job', () => {
  it('gives its result, and what it did on the way', async () => {
    const { perplexity } = goldenForward('gqa');
    const text = await writeRows(path.join(folder, 'rows.jsonl'), [perplexity.tokens]);
    const { model, threads, memory, device } = runSettings;
    const evaluation = { text, seqLen: 128, samples: null };
    const events: JobEvent[] = [];
    const job = startJob({ kind: 'evaluate', model, evaluation, threads, memory, device }, (event) =>
      events.push(event),
    );
    const outcome = await job.outcome;
    expect(outcome).toMatchObject({ kind: 'done', result: [{ chunks: 8, tokens: 1024, seqLen: 128 }] });
    if (outcome.kind !== 'done') return;
    expect(outcome.result[0].perplexity / perplexity.byChunk[128]).toBeCloseTo(1, 5);
    expect(outcome.peakRssBytes).toBeGreaterThan(2 ** 24);
    expect(events[0]).toEqual({ type: 'stage', stage: 'evaluate' });
    const fractions = events.flatMap((event) => (event.type === 'progress' ? [event.fraction] : []));
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.at(-1)).toBe(1);
  });

  it('fails with the error of the engine, hint and facts with it', async () => {
    const outcome = await startJob(runIn({ ...runSettings, model: folder }), () => undefined).outcome;
    expect(outcome).toEqual({
      kind: 'failed',
      error: {
        code: 'file-missing',
        message: `${path.join(folder, 'config.json')} does not exist`,
        facts: { path: path.join(folder, 'config.json'), errno: 'ENOENT' },
        hint: 'Check the path.',
      },
    });
  });
});

describe('cancelling', () => {
  it('stops between layers, and what was finished is used when the job is done again', async () => {
    const settings = await longRun();
    const scores = path.join(settings.folder, 'scores');
    const scored = (): string[] => readdirSync(scores).filter((name) => name.endsWith('.json'));
    const job = startJob(settings, () => undefined);
    await vi.waitUntil(() => existsSync(scores) && scored().length > 0, { interval: 1, timeout: 60_000 });
    job.cancel();
    expect(await job.outcome).toEqual({ kind: 'cancelled' });
    expect(scored().length).toBeLessThan(8);
    // A file that is written again is another file.
    const files = new Map(scored().map((name) => [name, statSync(path.join(scores, name)).ino]));
    expect((await startJob(settings, () => undefined).outcome).kind).toBe('done');
    expect(scored()).toHaveLength(8);
    for (const [name, file] of files) expect(statSync(path.join(scores, name)).ino).toBe(file);
  });

  it('stops between two tensors of the slice, which leaves no model', async () => {
    const model = path.join(folder, 'model');
    await writeRandomModel(model, { num_hidden_layers: 64, hidden_size: 16 });
    const all = [0, 64] as const;
    const prune = { ...runSettings.prune, criterion: 'random', windows: { attention: all, mlp: all } };
    const settings = runIn({ ...runSettings, model, prune });
    const job = startJob(settings, () => undefined);
    const partial = path.join(settings.folder, 'model.partial');
    await vi.waitUntil(() => existsSync(partial), { interval: 1, timeout: 60_000 });
    job.cancel();
    expect(await job.outcome).toEqual({ kind: 'cancelled' });
    expect(readdirSync(settings.folder).sort()).toEqual(['checkpoints', 'plan.json', 'scores']);
    expect((await startJob(settings, () => undefined).outcome).kind).toBe('done');
    expect(existsSync(path.join(settings.folder, 'model/model.safetensors'))).toBe(true);
  });

  it('long ago, or killing, leaves halves of files that the next run clears away', async () => {
    const job = runIn(runSettings);
    const halves = ['report.json.77-5.partial', 'scores/layer-001.json.77-2.partial', 'scratch.bin'];
    halves.push('checkpoints/slice.json.77-4.partial', 'model.partial/model.safetensors.partial');
    for (const half of halves) {
      mkdirSync(path.dirname(path.join(job.folder, half)), { recursive: true });
      writeFileSync(path.join(job.folder, half), '{"half');
    }
    expect((await startJob(job, () => undefined).outcome).kind).toBe('done');
    const left = Object.keys(hashesBelow(job.folder));
    expect(left.filter((name) => /partial|scratch/.test(name))).toEqual([]);
    expect(left).toContain('model/model.safetensors');
  });

  it('or killing what has ended changes nothing', async () => {
    const job = startJob(runIn(runSettings), () => undefined);
    const outcome = await job.outcome;
    job.cancel();
    job.kill();
    expect(outcome.kind).toBe('done');
    expect(await job.outcome).toBe(outcome);
  });
});

it('killing is a crash, with a hint', async () => {
  const job = startJob(await longRun(), (event) => {
    if (stageOf(event) === 'estimate') job.kill();
  });
  expect(await job.outcome).toEqual({
    kind: 'failed',
    error: {
      code: 'worker-crashed',
      message: 'The worker process ended before its job was done (signal SIGKILL).',
      facts: { how: 'signal SIGKILL' },
      hint: 'If the machine ran out of memory, set a smaller `memory`. What was finished is kept: resume the run.',
    },
  });
});

it('a worker ends when its parent is gone', async () => {
  const job = await longRun();
  const source = `
    const { startJob } = await import(process.argv[1]);
    startJob(JSON.parse(process.argv[2]), (event) => process.stderr.write(JSON.stringify(event)));`;
  const args = ['--input-type=module', '--eval', source, host, JSON.stringify(job)];
  const parent = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  onTestFinished(() => {
    if (parent.exitCode === null && parent.signalCode === null) parent.kill('SIGKILL');
  });
  let told = '';
  parent.stderr.setEncoding('utf8').on('data', (text: string) => {
    told += text;
    if (told.includes('"estimate"')) parent.kill('SIGKILL');
  });
  // The worker holds the pipe of its parent's stderr: it closes once both are gone.
  await new Promise((resolve) => parent.on('close', resolve));
  expect(parent.signalCode, told).toBe('SIGKILL');
  expect(existsSync(path.join(job.folder, 'checkpoints'))).toBe(true);
  expect(existsSync(path.join(job.folder, 'report.json'))).toBe(false);
});
