import { join } from 'node:path';
import { writeFileAtomic } from './checkpoint/atomic-file.ts';
import type { SpeedSummary } from './recover/training-speed.ts';
import { readIfThere, runFiles, type TrainingStage } from './run-stages.ts';
import { peakResidentBytes } from './runtime/process-memory.ts';

/** What a training took of the machine: of the process that ended it, where it was resumed. */
export interface TrainingPerformance extends SpeedSummary {
  /** Highest resident memory of that process, whatever it did before. */
  readonly peakMemoryBytes: number;
  readonly memoryBudgetBytes: number;
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

/** null for a training that there was none of. */
export async function readPerformance(
  folder: string,
  stage: TrainingStage,
): Promise<TrainingPerformance | null> {
  return ((await readIfThere(fileOf(folder, stage))) as TrainingPerformance | undefined) ?? null;
}
