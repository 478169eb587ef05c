import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from './checkpoint/atomic-file.ts';
import { errnoOf } from './checkpoint/file-errors.ts';
import { readJsonFile } from './checkpoint/read-json.ts';
import { EngineError } from './errors.ts';
import type { StepReport } from './recover/trainer.ts';
import type { ValidationRecord } from './recover/training-state.ts';
import { paceOf, partOf, type Pace } from './runtime/pace.ts';

/** In the order in which they are done. */
export const pruningStages = ['evaluate-before', 'estimate', 'slice', 'evaluate-after'] as const;
/** What may follow: the last two only with a control. */
export type RecoveryStage = 'recover' | 'evaluate-recovered' | 'recover-control' | 'evaluate-control';
/** The two that train. */
export type TrainingStage = Extract<RecoveryStage, 'recover' | 'recover-control'>;
/** The stages that measure a model. */
export type EvaluationStage = Extract<RunStage, `evaluate-${string}`>;
/** What measures the models that there are in the end, beside each other. */
export type CostStage = 'measure-cost';
export type RunStage = (typeof pruningStages)[number] | RecoveryStage | CostStage;

/** What a training tells as it goes. */
export type TrainingEvent =
  | ({ readonly type: 'training-step'; readonly stage: TrainingStage } & StepReport)
  | ({ readonly type: 'validation'; readonly stage: TrainingStage } & ValidationRecord);

/** Hears what a run does; fractions are of the stage and never fall. */
export interface RunListener {
  stage(stage: RunStage): void;
  progress(stage: RunStage, fraction: number): void;
  metric(name: string, value: number): void;
  training(event: TrainingEvent): void;
}

/** Where a run's files lie inside its folder. */
export const runFiles = {
  plan: 'plan.json',
  calibration: 'calibration.jsonl',
  report: 'report.json',
  scores: 'scores',
  /** One folder for each step of an iterative pruning. */
  steps: 'steps',
  checkpoints: 'checkpoints',
  model: 'model',
  recovery: 'recovery',
  recovered: 'recovered',
  harness: 'lm-eval',
  scratch: 'scratch.bin',
} as const;

/** Our own files are small; more is damage. */
const maxRunFileBytes = 256 * 2 ** 20;

/** The stages of a run at work: each leaves its result in checkpoints/, and is done once. */
export class RunStages {
  constructor(
    readonly folder: string,
    readonly listener: RunListener,
    private readonly signal: AbortSignal,
  ) {}

  get scratchPath(): string {
    return join(this.folder, runFiles.scratch);
  }

  /** Does a stage, or takes its result from an interrupted run. */
  async once<T extends object>(stage: RunStage, work: (pace: Pace) => Promise<T>): Promise<T> {
    const file = this.checkpointFile(stage);
    this.listener.stage(stage);
    const known = await readIfThere(file);
    if (known !== undefined) return known as T;
    const pace = paceOf(this.signal, (fraction) => {
      this.listener.progress(stage, fraction);
    });
    await pace.breathe();
    const result = await work(pace);
    await writeFileAtomic(file, `${JSON.stringify(result)}\n`);
    this.listener.progress(stage, 1);
    return result;
  }

  /**
   * Does the parts of a stage in their order, each once; their results, in that order. `use` gives what all of them
   * work with, and is not asked where every part was done before.
   */
  async parts<P extends { readonly name: string; readonly effort: number }, T>(
    stage: RunStage,
    parts: readonly P[],
    use: <R>(work: (tool: T) => Promise<R>) => Promise<R>,
    work: (part: P, tool: T, pace: Pace) => Promise<object>,
  ): Promise<unknown[]> {
    this.listener.stage(stage);
    const files = parts.map(({ name }) => this.checkpointFile(`${stage}.${name}`));
    const results = await Promise.all(files.map(readIfThere));
    if (results.every((result) => result !== undefined)) return results;
    const pace = paceOf(this.signal, (fraction) => {
      this.listener.progress(stage, fraction);
    });
    await pace.breathe();
    const total = parts.reduce((sum, { effort }) => sum + effort, 0);
    await use(async (tool) => {
      let done = 0;
      for (const [i, part] of parts.entries()) {
        const [from, to] = [done / total, (done + part.effort) / total];
        done += part.effort;
        if (results[i] !== undefined) continue;
        results[i] = await work(part, tool, partOf(pace, from, to));
        await writeFileAtomic(files[i], `${JSON.stringify(results[i])}\n`);
      }
    });
    this.listener.progress(stage, 1);
    return results;
  }

  /** Has a stage done again. */
  async forget(stage: RunStage): Promise<void> {
    await rm(this.checkpointFile(stage), { force: true });
  }

  private checkpointFile(stage: string): string {
    return join(this.folder, runFiles.checkpoints, `${stage}.json`);
  }
}

/** A JSON file of a run's own; undefined where there is none. */
export async function readIfThere(path: string): Promise<unknown> {
  try {
    return await readRunFile(path);
  } catch (error) {
    if (error instanceof EngineError && error.code === 'file-missing') return undefined;
    throw error;
  }
}

export function readRunFile(path: string): Promise<unknown> {
  return readJsonFile(path, { maxBytes: maxRunFileBytes });
}

/** Whether a folder holds a whole result, a model or an adapter: its config is written last. */
export async function hasConfig(folder: string): Promise<boolean> {
  const names: string[] = await readdir(folder).catch(() => []);
  return names.includes('config.json') || names.includes('adapter_config.json');
}

/** What a killed run was writing: half a file under another name, of no use to anyone. */
export async function removePartials(folder: string): Promise<void> {
  const steps = await namesIn(join(folder, runFiles.steps));
  const stepFolders = steps.flatMap((step) =>
    ['', runFiles.scores].map((part) => join(runFiles.steps, step, part)),
  );
  const parts = ['', runFiles.scores, runFiles.checkpoints, runFiles.recovery, ...stepFolders];
  for (const part of parts) {
    for (const file of await namesIn(join(folder, part))) {
      if (file.endsWith('.partial')) await rm(join(folder, part, file), { recursive: true, force: true });
    }
  }
  await rm(join(folder, runFiles.scratch), { force: true }).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error;
  });
}

/** What lies in a folder; nothing where it is not there. */
async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  });
}
