import { basename, join } from 'node:path';
import { makeFolder, writeFileAtomic } from './checkpoint/atomic-file.ts';
import {
  calibrationOf,
  isPruning,
  keepCalibration,
  requireCalibrationSource,
  type CalibrationSet,
} from './calibration.ts';
import type { Criterion } from './criteria/criterion.ts';
import { measureCost, type CostReport, type MeasureForward } from './cost.ts';
import { criterionNamed } from './criteria/index.ts';
import type { CalibrationSampling } from './dataset/token-rows.ts';
import type { TrainingExamples } from './dataset/training-examples.ts';
import type { CostSettings } from './evaluate/cost/interleave.ts';
import { estimateModel, type Estimated } from './estimation.ts';
import {
  evaluateStage,
  prepareEvaluation,
  type EvaluationSettings,
  type MeasuredQuality,
  type PreparedEvaluation,
} from './evaluation.ts';
import type { ModelCard } from './export/exporter.ts';
import type { NetworkShape } from './families/family.ts';
import { lastPlan, selectInSteps, type IterativeWork } from './iterative.ts';
import { withNetwork } from './measure-model.ts';
import type { Aggregation } from './prune/aggregate.ts';
import {
  checkRatio,
  modelCosts,
  shapeLeftBy,
  type LocalSelection,
  type ModelCosts,
  type PrunePlan,
} from './prune/plan.ts';
import type { SelectionOptions } from './prune/prune-settings.ts';
import type { GqaFold } from './prune/unit-scores.ts';
import { plannedWidths, shapeOfWidths } from './prune/planned-widths.ts';
import { structureCosts, type StructureCosts } from './prune/structure-costs.ts';
import { checkWindow } from './prune/windows.ts';
import { recover, recoveryExamples, type RecoveryReport, type RecoverySettings } from './recovery.ts';
import type { RunReport } from './run-report.ts';
import { hasConfig, removePartials, runFiles, RunStages, type RunListener } from './run-stages.ts';
import { selectOnce } from './selection.ts';
import type { ComputeDevice } from './runtime/device.ts';
import type { MemoryPlan } from './runtime/memory-plan.ts';
import { openModel, storedBytesPerElement, type Model } from './runtime/model.ts';
import { paceOf } from './runtime/pace.ts';
import { runPerformance } from './training-performance.ts';
import { writePruned } from './write-pruned.ts';

export type { MeasuredModel, RunReport } from './run-report.ts';
export {
  pruningStages,
  runFiles,
  type RunListener,
  type RunStage,
  type TrainingEvent,
  type TrainingStage,
} from './run-stages.ts';

/** Everything a run depends on, with every choice made; paths are absolute. */
export interface RunSettings {
  readonly model: string;
  readonly prune: LocalSelection &
    SelectionOptions & {
      readonly criterion: string;
      readonly aggregation: Aggregation;
      readonly gqaFold: GqaFold;
      readonly seed: number;
      /** In how many steps the ratio is reached, each with scores of what is left by then; left out for one. */
      readonly steps?: number;
    };
  readonly calibration: CalibrationSampling & { readonly source: string | null };
  readonly evaluate: EvaluationSettings & {
    /** Left out where no time is measured. */
    readonly cost?: CostSettings;
  };
  readonly threads: number;
  readonly memory: MemoryPlan;
  readonly device: ComputeDevice;
  /** Operating system and processor: the same bytes are promised only there. */
  readonly platform: string;
  /** Left out where the run ends with the pruned model. */
  readonly recover?: RecoverySettings;
}

/**
 * Prunes a model: evaluate, estimate, select, slice, evaluate again; then recovers it, where asked to. What is already in `folder` from an interrupted
 * run of the same settings is used, so that resuming ends in the same bytes.
 * @param measureForward Needed where costs are measured.
 * @throws EngineError, or Cancelled when `signal` is aborted.
 */
export async function run(
  settings: RunSettings,
  folder: string,
  listener: RunListener,
  signal: AbortSignal,
  measureForward?: MeasureForward,
): Promise<RunReport> {
  const workshop = await Workshop.open(settings, folder, listener, signal, measureForward);
  try {
    const before = await workshop.evaluate('evaluate-before', settings.model);
    if (!isPruning(settings)) return await workshop.reportUnpruned(before);
    const estimated = await workshop.estimate();
    const plan = await workshop.select();
    const pruned = await workshop.slice(plan);
    const after = await workshop.evaluate('evaluate-after', pruned);
    return await workshop.report(before, after, estimated, await workshop.recover(pruned));
  } finally {
    await workshop.close();
  }
}

/** One run at work: the open model, the folder, and what each stage leaves in it. */
class Workshop {
  private constructor(
    private readonly settings: RunSettings,
    private readonly stages: RunStages,
    private readonly model: Model,
    private readonly criterion: Criterion,
    private readonly structureCosts: StructureCosts,
    /** What the run leaves: as planned, and once it is selected, as it is. */
    private shape: NetworkShape,
    private readonly calibration: readonly CalibrationSet[],
    private readonly evaluation: PreparedEvaluation,
    private readonly examples: TrainingExamples | null,
    private readonly measureForward: MeasureForward | undefined,
  ) {}

  private droppedLayers: readonly number[] = [];

  private get folder(): string {
    return this.stages.folder;
  }

  /** Looks at everything the run stands on before it leaves anything in the folder or computes for long. */
  static async open(
    settings: RunSettings,
    folder: string,
    listener: RunListener,
    signal: AbortSignal,
    measureForward: MeasureForward | undefined,
  ): Promise<Workshop> {
    const criterion = criterionNamed(settings.prune.criterion);
    requireCalibrationSource(settings);
    checkRatio(settings.prune.ratio);
    const model = await openModel(settings.model);
    try {
      const layers = model.config.layers.length;
      checkWindow('attention', settings.prune.windows.attention, layers);
      checkWindow('mlp', settings.prune.windows.mlp, layers);
      const { family, config } = model;
      const costs = structureCosts(family, config, storedBytesPerElement(model));
      const shape = shapeOfWidths(plannedWidths(config, costs, settings.prune));
      const calibration = await calibrationOf(settings, model);
      const evaluation = await prepareEvaluation(settings.evaluate, model);
      const examples = await trainingDataOf(settings, model, signal);
      for (const part of ['', runFiles.scores, runFiles.checkpoints]) await makeFolder(join(folder, part));
      await removePartials(folder);
      return new Workshop(
        settings,
        new RunStages(folder, listener, signal),
        model,
        criterion,
        costs,
        shape,
        calibration,
        evaluation,
        examples,
        measureForward,
      );
    } catch (error) {
      await model.checkpoint.close();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.model.checkpoint.close();
  }

  /** How well the model of a folder does. */
  async evaluate(stage: 'evaluate-before' | 'evaluate-after', modelFolder: string): Promise<MeasuredQuality> {
    const model = stage === 'evaluate-before' ? this.model : await openModel(modelFolder);
    try {
      return await evaluateStage(this.stages, stage, this.evaluation, model, this.settings, (use) =>
        withNetwork(model, this.settings, use),
      );
    } finally {
      if (model !== this.model) await model.checkpoint.close();
    }
  }

  /** Scores of every layer in the windows, one file each. */
  estimate(): Promise<Estimated> {
    if (this.settings.prune.steps !== undefined) return selectInSteps(this.iterative);
    return this.stages.once('estimate', async (pace) => {
      const { settings, stages, calibration, folder } = this;
      const estimated = await estimateModel(
        this.model,
        { criterion: this.criterion, settings, set: calibration[0], seed: settings.prune.seed },
        { folder, scratchPath: stages.scratchPath },
        pace,
      );
      await keepCalibration(folder, calibration);
      if (estimated.calibrationLoss !== undefined)
        stages.listener.metric('calibration.loss', estimated.calibrationLoss);
      return estimated;
    });
  }

  async select(): Promise<PrunePlan> {
    const plan =
      this.settings.prune.steps === undefined
        ? await selectOnce({
            original: this.model,
            costs: this.structureCosts,
            prune: this.settings.prune,
            folder: this.folder,
          })
        : await lastPlan(this.iterative);
    this.shape = shapeLeftBy(plan, this.model.config);
    this.droppedLayers = plan.layers.flatMap((layer, i) => (layer === null ? [i] : []));
    await writeFileAtomic(join(this.folder, runFiles.plan), `${JSON.stringify(plan)}\n`);
    return plan;
  }

  /** Writes the pruned model's folder; it appears whole or not at all, and again where somebody removed it. */
  async slice(plan: PrunePlan): Promise<string> {
    const finished = join(this.folder, runFiles.model);
    if (!(await hasConfig(finished))) await this.stages.forget('slice');
    await this.stages.once('slice', async (pace) => {
      await writePruned(this.model, plan, { ...this.card(), training: null }, finished, pace);
      return {};
    });
    return finished;
  }

  /** Trains the pruned model; undefined where the run does not ask for it. */
  async recover(pruned: string): Promise<RecoveryReport | undefined> {
    const { settings, stages, examples, evaluation } = this;
    if (!settings.recover || !examples) return undefined;
    const work = {
      stages,
      recover: settings.recover,
      share: settings,
      evaluation,
      examples,
      original: this.model,
      card: this.card(),
    };
    return recover(work, pruned);
  }

  /** The model is as it was; it is trained where that is asked for. */
  async reportUnpruned(before: MeasuredQuality): Promise<RunReport> {
    return this.report(before, before, { rows: 0, tokens: 0 }, await this.recover(this.settings.model));
  }

  /** The model as it was and, where it was pruned, as it is; a recovered one costs what the pruned one does. */
  async measureCost(): Promise<CostReport | undefined> {
    const { settings, measureForward } = this;
    const { cost } = settings.evaluate;
    if (!cost) return undefined;
    if (!measureForward)
      throw new RangeError('Costs are measured where a process can be had for each model.');
    const pruned = { name: 'after', folder: join(this.folder, runFiles.model) };
    const models = [
      { name: 'before', folder: settings.model },
      ...((await hasConfig(pruned.folder)) ? [pruned] : []),
    ];
    return this.stages.once('measure-cost', (pace) =>
      measureCost(models, cost, settings, measureForward, pace),
    );
  }

  async report(
    before: MeasuredQuality,
    after: MeasuredQuality,
    estimated: Estimated,
    recovery: RecoveryReport | undefined,
  ): Promise<RunReport> {
    const costsBefore = this.costs(this.model.config);
    const costsAfter = this.costs(this.shape);
    const { calibrationLoss: loss, rows, tokens } = estimated;
    const cost = await this.measureCost();
    const report: RunReport = {
      model: this.settings.model,
      criterion: this.criterion.id,
      aggregation: this.settings.prune.aggregation,
      windows: this.settings.prune.windows,
      ratioInWindow: isPruning(this.settings) ? this.settings.prune.ratio : 0,
      removedOfParameters: 1 - costsAfter.parameters / costsBefore.parameters,
      ...(this.settings.prune.mode === 'channel' && {
        hiddenSize: { before: this.model.config.hiddenSize, after: this.shape.hiddenSize },
      }),
      ...this.chosen,
      ...(this.settings.prune.steps !== undefined && { steps: this.settings.prune.steps }),
      calibration: loss === undefined ? null : { rows, tokens, loss },
      evaluation: firstTextOf(before),
      before: { ...costsBefore, ...before },
      after: { ...costsAfter, ...after },
      ...(recovery && { recovery, performance: await runPerformance(this.folder) }),
      ...(cost && { cost }),
    };
    await writeFileAtomic(join(this.folder, runFiles.report), `${JSON.stringify(report, null, 2)}\n`);
    return report;
  }

  private get chosen(): Pick<RunReport, 'selection' | 'droppedLayers'> {
    const selection = selectionOf(this.settings.prune);
    const isPlain = Object.values(selection).every((value) => value === undefined);
    return {
      ...(isPruning(this.settings) && !isPlain && { selection }),
      ...(this.droppedLayers.length > 0 && { droppedLayers: this.droppedLayers }),
    };
  }

  private get iterative(): IterativeWork {
    const { settings, stages, model, criterion, calibration, structureCosts: costs } = this;
    return {
      settings,
      stages,
      model,
      criterion,
      calibration,
      costs,
      card: { ...this.card(), training: null },
    };
  }

  private card(): Omit<ModelCard, 'training'> {
    const { settings, droppedLayers } = this;
    const { criterion, aggregation, ratio } = settings.prune;
    const isPruned = settings.recover?.alone !== true;
    const selection = selectionOf(settings.prune);
    return {
      baseModel: basename(settings.model),
      parametersBefore: this.costs(this.model.config).parameters,
      parametersAfter: this.costs(this.shape).parameters,
      pruning: isPruned ? { selection, droppedLayers, criterion, aggregation, ratio } : null,
    };
  }

  private costs(shape: NetworkShape): ModelCosts {
    return modelCosts(this.model.family, this.model.config, shape, storedBytesPerElement(this.model));
  }
}

async function trainingDataOf(
  settings: RunSettings,
  model: Model,
  signal: AbortSignal,
): Promise<TrainingExamples | null> {
  if (!settings.recover) return null;
  const pace = paceOf(signal, () => undefined);
  return recoveryExamples(settings.recover, model, settings, pace);
}

/** How much the first text was, where there is one. */
function firstTextOf({ perplexities }: MeasuredQuality): RunReport['evaluation'] {
  if (perplexities.length === 0) return null;
  const [{ tokens, chunks, seqLen }] = perplexities;
  return { tokens, chunks, seqLen };
}

function selectionOf(prune: RunSettings['prune']): SelectionOptions {
  const { mode, target, unit, scope, round, uniform, drop, edits } = prune;
  return { mode, target, unit, scope, round, uniform, drop, edits };
}
