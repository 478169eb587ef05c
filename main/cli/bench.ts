import { availableParallelism } from 'node:os';
import { basename, relative, resolve } from 'node:path';
import type { CostSettings } from '../engine/evaluate/cost/interleave.ts';
import { planMemory } from '../engine/runtime/memory-plan.ts';
import { inspectModel, type InspectedModel } from '../studio/inspect-model.ts';
import { keptWeightBytes } from '../studio/preview-plan.ts';
import type { DeviceWish } from '../studio/recipe.ts';
import { memoryBudget } from '../studio/resolve-recipe.ts';
import { timeLeftEstimator } from '../studio/conduct-run.ts';
import { startJob } from '../worker/host.ts';
import { deviceFor, interruptible, unfinished, type CommonOptions } from './commands.ts';
import { costText } from './cost-text.ts';
import { exitCode, print, type ExitCode } from './output.ts';
import { ProgressLine } from './progress-line.ts';

export interface BenchOptions extends CommonOptions, CostSettings {
  readonly memory: number | string;
  readonly device: DeviceWish;
}

/** llm-pruner bench MODEL [MODEL2 …] */
export async function bench(folders: readonly string[], options: BenchOptions): Promise<ExitCode> {
  const models = await Promise.all(folders.map((folder) => inspectModel(resolve(folder))));
  const device = await deviceFor(options.device);
  const largest = models.reduce((a, b) => (weightsOf(a) > weightsOf(b) ? a : b));
  const { batchSizes, promptLengths, newTokens, repeats } = options;
  const weightBytes = keptWeightBytes(largest.costsWith(largest.config), device);
  const progress = new ProgressLine();
  const timeLeft = timeLeftEstimator();
  const job = startJob(
    {
      kind: 'measure-cost',
      models: models.map(({ folder }) => folder),
      cost: { batchSizes, promptLengths, newTokens, repeats },
      share: {
        threads: availableParallelism(),
        memory: planMemory(largest.config, weightBytes, memoryBudget(options), device.kind),
        device,
      },
    },
    (event) => {
      if (event.type === 'stage') progress.stage('measuring cost');
      if (event.type === 'progress') {
        progress.progress('measuring cost', event.fraction, timeLeft(event.stage, event.fraction));
      }
    },
  );
  const outcome = await interruptible(job, 'stopping after the current step');
  progress.clear();
  if (outcome.kind !== 'done') return unfinished(outcome, options.json);
  print(options.json, outcome.result, () => costText(outcome.result, shortNames(folders)));
  return exitCode.done;
}

/** The last part of each folder where that tells them apart. */
function shortNames(folders: readonly string[]): (folder: string) => string {
  const isClear = new Set(folders.map((folder) => basename(folder))).size === folders.length;
  return isClear ? (folder) => basename(folder) : (folder) => relative(process.cwd(), folder);
}

const weightsOf = (model: InspectedModel): number => model.costsWith(model.config).weightBytes;
