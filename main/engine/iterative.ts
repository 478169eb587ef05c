import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { keepCalibration, type CalibrationSet } from './calibration.ts';
import { makeFolder, writeFileAtomic } from './checkpoint/atomic-file.ts';
import { estimateModel, type Estimated, type Estimation } from './estimation.ts';
import type { ModelCard } from './export/exporter.ts';
import type { PrunePlan } from './prune/plan.ts';
import type { StructureCosts } from './prune/structure-costs.ts';
import { hasConfig, readRunFile, runFiles, type RunStages } from './run-stages.ts';
import { selectOnce } from './selection.ts';
import { openModel, type Model } from './runtime/model.ts';
import { partOf, type Pace } from './runtime/pace.ts';
import { writePruned } from './write-pruned.ts';

/** What an iterative pruning works with. */
export interface IterativeWork extends Pick<Estimation, 'criterion' | 'settings'> {
  readonly stages: RunStages;
  readonly model: Model;
  /** Sizes of the model's parts. */
  readonly costs: StructureCosts;
  /** One set a step. */
  readonly calibration: readonly CalibrationSet[];
  readonly card: ModelCard;
}

/** A step of an iterative pruning and its folder; the scores of the first are those of the run. */
interface Step {
  readonly name: string;
  readonly effort: number;
  /** From 0. */
  readonly index: number;
}

/**
 * Selects in steps: step t of T takes the structures that count least by what is left after the step before, on
 * calibration data of its own, down to the widths of the ratio (t/T)·ratio of the original (docs/method.md, Selection). Nothing is
 * carried over from step to step but which structures stay: each scores a model read from files. The plans are in
 * indices of the original; the last one is the run's.
 */
export async function selectInSteps(work: IterativeWork): Promise<Estimated> {
  const { stages, calibration } = work;
  const steps = calibration.map((_, index) => ({ name: `step-${index + 1}`, effort: 1, index }));
  const estimated = (await stages.parts(
    'estimate',
    steps,
    (use) => use(undefined),
    (step, _tool, pace) => takeStep(work, step, pace),
  )) as Estimated[];
  // A run that was killed right behind a step has still the model that this step scored.
  for (const step of steps.slice(1)) await rm(modelFolder(work, step), { recursive: true, force: true });
  await keepCalibration(stages.folder, calibration);
  const [{ calibrationLoss }] = estimated;
  const total = (of: 'rows' | 'tokens'): number => estimated.reduce((sum, step) => sum + step[of], 0);
  return {
    ...(calibrationLoss !== undefined && { calibrationLoss }),
    rows: total('rows'),
    tokens: total('tokens'),
  };
}

/** The plan of the last step. */
export function lastPlan({ stages, calibration }: IterativeWork): Promise<PrunePlan> {
  return readPlan(stages, calibration.length - 1);
}

async function takeStep(work: IterativeWork, step: Step, pace: Pace): Promise<Estimated> {
  const { settings, stages, model: original, criterion, calibration } = work;
  const { prune } = settings;
  const folder = stepFolder(stages, step.index);
  const scoresFolder = step.index === 0 ? stages.folder : folder;
  await makeFolder(folder);
  await makeFolder(join(scoresFolder, runFiles.scores));
  const before = step.index === 0 ? undefined : await readPlan(stages, step.index - 1);
  const model = before ? await openPruned(work, step, before, partOf(pace, 0, 0.2)) : original;
  try {
    const estimated = await estimateModel(
      model,
      { criterion, settings, set: calibration[step.index], seed: prune.seed + step.index },
      { folder: scoresFolder, scratchPath: stages.scratchPath },
      partOf(pace, before ? 0.2 : 0, 1),
    );
    const plan = await selectOnce({
      original,
      costs: work.costs,
      prune,
      folder: scoresFolder,
      step: { share: (step.index + 1) / calibration.length, present: model, before: before ?? null },
    });
    await writeFileAtomic(join(folder, runFiles.plan), `${JSON.stringify(plan)}\n`);
    if (estimated.calibrationLoss !== undefined)
      stages.listener.metric('calibration.loss', estimated.calibrationLoss);
    return estimated;
  } finally {
    if (model !== original) await model.checkpoint.close();
  }
}

/** What the steps so far have left, as a model; it is gone again when the run has taken its last step. */
async function openPruned(work: IterativeWork, step: Step, plan: PrunePlan, pace: Pace): Promise<Model> {
  const folder = modelFolder(work, step);
  if (step.index > 1)
    await rm(modelFolder(work, { index: step.index - 1 }), { recursive: true, force: true });
  if (!(await hasConfig(folder))) await writePruned(work.model, plan, work.card, folder, pace);
  return openModel(folder);
}

const stepFolder = ({ folder }: RunStages, index: number): string =>
  join(folder, runFiles.steps, String(index + 1));

const modelFolder = ({ stages }: IterativeWork, { index }: Pick<Step, 'index'>): string =>
  join(stepFolder(stages, index), runFiles.model);

async function readPlan(stages: RunStages, index: number): Promise<PrunePlan> {
  return (await readRunFile(join(stepFolder(stages, index), runFiles.plan))) as PrunePlan;
}
