/** One worker process: takes one job over the channel it was forked with, reports, and ends. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testDevice } from '../engine/device-test.ts';
import { measureCost, measureForward, type ForwardMemory } from '../engine/cost.ts';
import { EngineError } from '../engine/errors.ts';
import { evaluateTexts } from '../engine/evaluation.ts';
import { generateText } from '../engine/generation.ts';
import type { MachineShare } from '../engine/measure-model.ts';
import { forecastTraining } from '../engine/recovery-forecast.ts';
import { previewTraining } from '../engine/recovery-preview.ts';
import { run, type TrainingEvent } from '../engine/run.ts';
import { describeModel, openModel } from '../engine/runtime/model.ts';
import { Cancelled, paceOf, type Pace } from '../engine/runtime/pace.ts';
import { peakResidentBytes } from '../engine/runtime/process-memory.ts';
import { gathered } from './gathered-text.ts';
import { hashFiles } from './hash-job.ts';
import type { FromWorker, Job, JobError, JobResults, JobStage, Outcome, WorkerMemory } from './messages.ts';
import { parent } from './parent.ts';
import { measureText, previewText } from './text-jobs.ts';

const cancelling = new AbortController();
/** Channel messages a second at most; more would only keep the window busy. */
const progressIntervalMs = 100;
/** Often enough to watch memory grow; a layer that computes for longer is heard of when it is done. */
const memoryIntervalMs = 500;

let helped: ((outcome: Outcome<ForwardMemory>) => void) | undefined;

parent.listen({
  message: (message) => {
    if (message.type === 'cancel') cancelling.abort();
    else if (message.type === 'end') process.exit(0);
    else if (message.type === 'helped') helped?.(message.outcome);
    else void work(message.job);
  },
  // Whoever asked is gone: nobody would read the result.
  gone: () => process.exit(1),
});
// Ctrl-C in a terminal goes to every process of the command: it is the other one that decides, and says what to do.
process.on('SIGINT', () => undefined);

async function work(job: Job): Promise<void> {
  const reporting = setInterval(() => {
    parent.send({ type: 'memory', ...memory() });
  }, memoryIntervalMs);
  const last = await outcomeOf(job);
  clearInterval(reporting);
  parent.send(last);
}

async function outcomeOf(job: Job): Promise<FromWorker> {
  try {
    const result = await resultOf(job);
    return { type: 'done', result, peakRssBytes: memory().peakRssBytes };
  } catch (error) {
    if (error instanceof Cancelled) return { type: 'cancelled' };
    return failed(error);
  }
}

async function resultOf(job: Job): Promise<JobResults[keyof JobResults]> {
  switch (job.kind) {
    case 'run':
      return doRun(job);
    case 'evaluate':
      return doEvaluate(job);
    case 'generate':
      return doGenerate(job);
    case 'measure-cost':
      return doMeasureCost(job);
    case 'measure-forward':
      return measureForward(job.model, job.share, silentPace());
    case 'test-device':
      return doTestDevice(job);
    case 'preview-text':
      return previewText(job);
    case 'measure-text':
      return measureText(job);
    case 'preview-training':
      return previewTraining(job.recover, await describeModel(job.model), job.memory, silentPace());
    case 'forecast-training':
      return doForecast(job);
    case 'hash-files':
      return doHash(job);
  }
}

function memory(): WorkerMemory {
  return { rssBytes: process.memoryUsage.rss(), peakRssBytes: peakResidentBytes() };
}

function doRun({ settings, folder }: Extract<Job, { kind: 'run' }>): Promise<JobResults['run']> {
  const report = progressReporter();
  const listener = {
    stage: (stage: JobStage) => {
      parent.send({ type: 'stage', stage });
    },
    progress: report,
    metric: (name: string, value: number) => {
      parent.send({ type: 'metric', name, value });
    },
    training: (event: TrainingEvent) => {
      parent.send(event);
    },
  };
  return run(settings, folder, listener, cancelling.signal, forwardElsewhere);
}

/** Where a job without a folder of its own puts what memory cannot hold. */
const scratchPath = join(tmpdir(), `llm-pruner-${process.pid}.bin`);

const silentPace = (): Pace => paceOf(cancelling.signal, () => undefined);

async function doForecast(
  job: Extract<Job, { kind: 'forecast-training' }>,
): Promise<JobResults['forecast-training']> {
  const model = await openModel(job.model);
  try {
    return await forecastTraining(job.recover, model, job.shape, job, scratchPath, silentPace());
  } finally {
    await model.checkpoint.close();
  }
}

async function doEvaluate(job: Extract<Job, { kind: 'evaluate' }>): Promise<JobResults['evaluate']> {
  const model = await openModel(job.model);
  const report = progressReporter();
  parent.send({ type: 'stage', stage: 'evaluate' });
  const pace = paceOf(cancelling.signal, (fraction) => {
    report('evaluate', fraction);
  });
  try {
    return await evaluateTexts(model, job.evaluation, job, scratchPath, pace);
  } finally {
    await model.checkpoint.close();
  }
}

function doMeasureCost({
  models,
  cost,
  share,
}: Extract<Job, { kind: 'measure-cost' }>): Promise<JobResults['measure-cost']> {
  const report = progressReporter();
  const pace = paceOf(cancelling.signal, (fraction) => {
    report('measure-cost', fraction);
  });
  parent.send({ type: 'stage', stage: 'measure-cost' });
  const named = models.map((folder) => ({ name: folder, folder }));
  return measureCost(named, cost, share, forwardElsewhere, pace);
}

/** Asks whoever started this process for another one. */
async function forwardElsewhere(model: string, share: MachineShare): Promise<ForwardMemory> {
  const outcome = await new Promise<Outcome<ForwardMemory>>((resolve) => {
    helped = resolve;
    parent.send({ type: 'help', job: { kind: 'measure-forward', model, share } });
  });
  if (outcome.kind === 'done') return outcome.result;
  if (outcome.kind === 'cancelled') throw new Cancelled('The run was cancelled.');
  const { code, message, facts, hint } = outcome.error;
  throw new EngineError(code, message, facts, hint);
}

function doGenerate(job: Extract<Job, { kind: 'generate' }>): Promise<JobResults['generate']> {
  const hear = gathered((progress) => {
    parent.send({ type: 'text', ...progress });
  });
  return generateText(job, job, hear, silentPace());
}

function doHash(job: Extract<Job, { kind: 'hash-files' }>): Promise<JobResults['hash-files']> {
  const report = progressReporter();
  return hashFiles(job, (fraction) => {
    report('hash', fraction);
  });
}

function doTestDevice({
  threads,
}: Extract<Job, { kind: 'test-device' }>): Promise<JobResults['test-device']> {
  return testDevice(threads, silentPace(), () => {
    parent.send({ type: 'stage', stage: 'test-device' });
  });
}

function progressReporter(): (stage: JobStage, fraction: number) => void {
  let lastAt = 0;
  let lastStage: JobStage | undefined;
  return (stage, fraction) => {
    const now = Date.now();
    // The first of a stage says where it begins, which the time left is judged from.
    if (fraction < 1 && stage === lastStage && now - lastAt < progressIntervalMs) return;
    lastAt = now;
    lastStage = stage;
    parent.send({ type: 'progress', stage, fraction });
  };
}

function failed(error: unknown): FromWorker {
  if (error instanceof EngineError) {
    const { code, message, facts, hint } = error;
    return { type: 'failed', error: { code, message, facts, ...(hint !== undefined && { hint }) } };
  }
  const reason = error instanceof Error ? error.message : String(error);
  const described: JobError = {
    code: 'worker-crashed',
    message: `The worker stopped at an error of the program itself: ${reason.split('\n')[0]}`,
    facts: {},
    hint: "A run's log.txt says where; with it the error can be reported.",
  };
  return { type: 'failed', error: described, ...(error instanceof Error && { stack: error.stack }) };
}
