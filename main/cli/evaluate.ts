import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { taskIds } from '../engine/evaluate/tasks/index.ts';
import type { EvaluationSettings } from '../engine/evaluation.ts';
import { planMemory } from '../engine/runtime/memory-plan.ts';
import { timeLeftEstimator } from '../studio/conduct-run.ts';
import { inspectModel } from '../studio/inspect-model.ts';
import { keptWeightBytes } from '../studio/preview-plan.ts';
import { checkRecipe, type DeviceWish } from '../studio/recipe.ts';
import { memoryBudget } from '../studio/resolve-recipe.ts';
import { startJob } from '../worker/host.ts';
import { deviceFor, interruptible, runRecipe, unfinished, type CommonOptions } from './commands.ts';
import { exitCode, print, type ExitCode } from './output.ts';
import { ProgressLine } from './progress-line.ts';
import { qualityText } from './quality-text.ts';

export interface EvalOptions extends CommonOptions {
  readonly text: readonly string[];
  readonly seqLen: number;
  readonly samples?: number;
  readonly tasks?: readonly string[];
  readonly taskData?: string;
  readonly fewShot: number;
  readonly bos: boolean;
  readonly limit?: number;
  readonly out?: string;
  readonly memory: number | string;
  readonly device: DeviceWish;
}

/** llm-pruner eval MODEL: texts alone are measured at once; tasks are a run, with a folder, that can be resumed. */
export async function evaluate(folder: string, options: EvalOptions): Promise<ExitCode> {
  const { text, tasks, taskData, fewShot, limit, seqLen, samples, memory, device } = options;
  if (tasks === undefined && options.out === undefined) return evaluateTexts(folder, options);
  const recipe = checkRecipe(
    {
      model: resolve(folder),
      prune: { mode: 'none' },
      evaluate: {
        text: text.length === 0 ? null : text.map((file) => resolve(file)),
        seqLen,
        samples: samples ?? null,
        tasks: tasks && {
          names: tasks,
          data: resolve(taskData ?? ''),
          fewShot,
          bos: options.bos,
          limit: limit ?? null,
        },
      },
      memory,
      device,
    },
    'eval',
  );
  return runRecipe(recipe, options);
}

/** What options that do not go together lack. */
export function lackingOption({ text, tasks, taskData }: EvalOptions): string | undefined {
  if (text.length === 0 && tasks === undefined) return 'name a text with --text, or tasks with --tasks';
  if (tasks === undefined || taskData !== undefined) return undefined;
  return '--tasks needs --task-data: the folder with the data sets, each as the hub has it';
}

/** --tasks as a list. */
export function taskList(value: string): readonly string[] {
  if (value === 'all') return taskIds;
  const names = value.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !taskIds.includes(name));
  if (unknown === undefined && new Set(names).size === names.length) return names;
  throw new InvalidArgumentError(`Expected all, or some of ${taskIds.join(', ')}, separated by commas.`);
}

async function evaluateTexts(folder: string, options: EvalOptions): Promise<ExitCode> {
  const model = await inspectModel(resolve(folder));
  const device = await deviceFor(options.device);
  const weightBytes = keptWeightBytes(model.costsWith(model.config), device);
  const [text, ...moreTexts] = options.text.map((file) => resolve(file));
  const evaluation: EvaluationSettings = {
    text,
    moreTexts,
    seqLen: options.seqLen,
    samples: options.samples ?? null,
  };
  const progress = new ProgressLine();
  const timeLeft = timeLeftEstimator();
  const job = startJob(
    {
      kind: 'evaluate',
      model: model.folder,
      evaluation,
      threads: availableParallelism(),
      memory: planMemory(model.config, weightBytes, memoryBudget(options), device.kind),
      device,
    },
    (event) => {
      if (event.type === 'stage') progress.stage('evaluating');
      if (event.type === 'progress')
        progress.progress('evaluating', event.fraction, timeLeft(event.stage, event.fraction));
    },
  );
  const outcome = await interruptible(job);
  progress.clear();
  if (outcome.kind !== 'done') return unfinished(outcome, options.json);
  const perplexities = outcome.result;
  const [first] = perplexities;
  print(options.json, { ...first, perplexities, model: model.folder, text }, () =>
    qualityText({ perplexity: first.perplexity, perplexities, tasks: null }),
  );
  return exitCode.done;
}
