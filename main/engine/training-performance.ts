import { join } from 'node:path';
import { writeFileAtomic } from './checkpoint/atomic-file.ts';
import type { Adaptation } from './derive/lora.ts';
import { rawMatrixRate } from './recover/raw-rate.ts';
import { TrainingCost } from './recover/training-cost.ts';
import { TrainingSpeed, type SpeedSummary } from './recover/training-speed.ts';
import { readIfThere, runFiles, type TrainingStage } from './run-stages.ts';
import type { DescribedModel } from './runtime/model.ts';
import type { SessionOptions } from './runtime/session.ts';
import { peakResidentBytes } from './runtime/process-memory.ts';

/** What a training took of the machine: of the process that ended it, where it was resumed. */
export interface TrainingPerformance extends SpeedSummary {
  /** Highest resident memory of that process, whatever it did before. */
  readonly peakMemoryBytes: number;
  readonly memoryBudgetBytes: number;
}

/** More rows make plain matrix products no faster. */
const rawRateTokens = 2048;

/** Measures the device's raw rate, once, for a training to be set beside. */
export async function speedBesideRawRate(
  model: DescribedModel,
  adaptation: Adaptation,
  tokens: number,
  options: SessionOptions,
): Promise<TrainingSpeed> {
  const rate = await rawMatrixRate(model, Math.min(rawRateTokens, tokens), options);
  return new TrainingSpeed(new TrainingCost(model, adaptation), rate);
}

/** Times differ from run to run, so they lie apart from what a resumed run repeats byte for byte. */
const fileOf = (folder: string, stage: TrainingStage): string =>
  join(folder, runFiles.recovery, stage === 'recover' ? 'performance.json' : 'control-performance.json');

export async function writePerformance(
  folder: string,
  stage: TrainingStage,
  speed: SpeedSummary,
  memoryBudgetBytes: number,
): Promise<void> {
  const performance = { ...speed, peakMemoryBytes: peakResidentBytes(), memoryBudgetBytes };
  await writeFileAtomic(fileOf(folder, stage), `${JSON.stringify(performance)}\n`);
}

/** The trainings of a run; null for one that there was none of. */
export interface RunPerformance {
  readonly recovered: TrainingPerformance | null;
  readonly control: TrainingPerformance | null;
}

export async function runPerformance(folder: string): Promise<RunPerformance> {
  const [recovered, control] = await Promise.all(
    (['recover', 'recover-control'] as const).map((stage) => readPerformance(folder, stage)),
  );
  return { recovered, control };
}

async function readPerformance(folder: string, stage: TrainingStage): Promise<TrainingPerformance | null> {
  return ((await readIfThere(fileOf(folder, stage))) as TrainingPerformance | undefined) ?? null;
}
