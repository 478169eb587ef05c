import type { TrainingExample } from '../dataset/training-example.ts';
import { EngineError } from '../errors.ts';
import type { Network } from '../runtime/network.ts';
import { Cancelled } from '../runtime/pace.ts';
import { adapterGradients, meanLoss, type PassOptions, type StepGradient } from './adapter-gradients.ts';
import { adamwStep, clippingScale, moments } from './adamw.ts';
import { isSuspicious, requireFiniteStep, requireRowsToBlame, requireSoundValidation } from './divergence.ts';
import { learningRateAt, type ScheduleName } from './schedule.ts';
import { splitExamples, TrainingOrder, type DataSplit } from './training-order.ts';
import type { StepEffort } from './training-speed.ts';
import type { StepRecord, TrainingCheckpoints, TrainingState, ValidationRecord } from './training-state.ts';

/** How an adapter is trained, every choice made. */
export interface TrainingSettings {
  readonly epochs: number;
  /** Steps in all, whatever the epochs come to; null: by the epochs. */
  readonly steps: number | null;
  /** Rows a step. */
  readonly batchSize: number;
  /** Rows that go through a layer together: as many as fit the memory budget. */
  readonly microBatch: number;
  /** The highest, after the warm-up. */
  readonly learningRate: number;
  readonly schedule: ScheduleName;
  readonly warmupSteps: number;
  readonly weightDecay: number;
  readonly maxGradNorm: number;
  readonly dropout: number;
  readonly seed: number;
  readonly validation: {
    /** null: a twentieth of the rows, at most 2000. */
    readonly rows: number | null;
    readonly everySteps: number;
    /** Validations without a new lowest loss after which the training ends; null: never. */
    readonly patience: number | null;
  };
  readonly checkpoint: { readonly everySteps: number; readonly everyMinutes: number };
}

/** The two readings of one model with one adapter: with dropout masks for training, without for measuring. */
export interface TrainedNetworks {
  readonly training: Network;
  readonly measuring: Network;
}

export interface StepReport extends StepRecord {
  /** Counted from 1. */
  readonly step: number;
  readonly steps: number;
  /** Without padding. */
  readonly tokensPerSecond: number;
}

/** Hears of a training as it goes; a resumed one begins with the first step that was not kept. */
export interface TrainingListener {
  step(report: StepReport, effort: StepEffort): void;
  validation(record: ValidationRecord): void;
}

export interface TrainingResult {
  readonly rows: number;
  readonly validationRows: number;
  readonly steps: number;
  /** The step whose adapter was kept: the one of lowest validation loss, the last without validation. */
  readonly keptStep: number;
  readonly stoppedEarly: boolean;
  /** Whether the training was over before its warm-up: the learning rate never got to its height. */
  readonly endedInWarmUp: boolean;
}

const msPerMinute = 60_000;

/**
 * Trains the adapter whose matrices `state` holds, from wherever `state` is, and leaves the one to keep in its values.
 * @throws EngineError training-diverged, text-too-short without rows to train on; Cancelled. Where it diverged or was
 * cancelled, the last good state has been saved.
 */
export async function trainAdapter(
  networks: TrainedNetworks,
  examples: readonly TrainingExample[],
  state: TrainingState,
  settings: TrainingSettings,
  checkpoints: TrainingCheckpoints,
  pass: Omit<PassOptions, 'microBatch'>,
  listener: TrainingListener,
): Promise<TrainingResult> {
  const split = splitExamples(examples, settings);
  const trainer = new Trainer(networks, examples, split, state, settings, checkpoints, pass, listener);
  try {
    return await trainer.train();
  } catch (error) {
    if (stopsBeforeAStep(error) && isWhole(state)) await checkpoints.save(state);
    throw error;
  }
}

/** Of these the state is that of the last whole step; of any other error nothing is known. */
function stopsBeforeAStep(error: unknown): boolean {
  if (error instanceof EngineError) return ['training-diverged', 'compute-failed'].includes(error.code);
  return error instanceof Cancelled;
}

/** A state that holds NaN would take the place of the last good checkpoint. */
function isWhole({ parameters }: TrainingState): boolean {
  return parameters.every(({ values }) => values.every(Number.isFinite));
}

interface Update {
  readonly record: StepRecord;
  /** Of each matrix, in the state's order. */
  readonly gradients: readonly Float32Array[];
  /** What clipping leaves of them. */
  readonly scale: number;
}

class Trainer {
  private readonly order: TrainingOrder;
  private readonly totalSteps: number;
  private savedAtMs = Date.now();

  constructor(
    private readonly networks: TrainedNetworks,
    private readonly examples: readonly TrainingExample[],
    private readonly split: DataSplit,
    private readonly state: TrainingState,
    private readonly settings: TrainingSettings,
    private readonly checkpoints: TrainingCheckpoints,
    private readonly pass: Omit<PassOptions, 'microBatch'>,
    private readonly listener: TrainingListener,
  ) {
    this.order = new TrainingOrder(split.training, settings.batchSize, settings.seed);
    this.totalSteps = this.order.stepsOf(settings);
  }

  async train(): Promise<TrainingResult> {
    const { state, split, pass } = this;
    pass.pace.report(state.steps.length / this.totalSteps);
    await this.validateWhereDue();
    while (state.steps.length < this.totalSteps && !this.isExhausted()) {
      await this.takeStep();
      await this.validateWhereDue();
      if (this.isCheckpointDue()) await this.save();
      pass.pace.report(state.steps.length / this.totalSteps);
    }
    const keptStep = this.keepBest();
    return {
      rows: split.training.length,
      validationRows: split.validation.length,
      steps: state.steps.length,
      keptStep,
      stoppedEarly: state.steps.length < this.totalSteps,
      endedInWarmUp: this.totalSteps <= this.settings.warmupSteps,
    };
  }

  private async takeStep(): Promise<void> {
    const { state, settings, pass } = this;
    const startedAtMs = performance.now();
    const step = state.steps.length;
    const rows = this.order.rowsOfStep(step).map((row) => this.examples[row]);
    const dropout = { rate: settings.dropout, seed: settings.seed, step };
    const options = { ...pass, microBatch: settings.microBatch };
    const found = await adapterGradients(this.networks.training, rows, dropout, options);
    const update = this.updateOf(found);
    const { record } = update;
    requireFiniteStep(record, step);
    if (isSuspicious(record, state.steps)) {
      requireRowsToBlame(record, await this.untrainedLoss(rows), step);
    }
    this.apply(update);
    state.steps.push(record);
    const seconds = (performance.now() - startedAtMs) / 1000;
    const lengths = rows.map(({ ids }) => ids.length);
    const tokensPerSecond = lengths.reduce((total, length) => total + length, 0) / seconds;
    const report = { step: step + 1, steps: this.totalSteps, ...record, tokensPerSecond };
    this.listener.step(report, { lengths, seconds });
  }

  /** One step of AdamW along the clipped gradient, to be taken or not. */
  private updateOf({ loss, gradients }: StepGradient): Update {
    const { state, settings, totalSteps } = this;
    const { learningRate: peak, warmupSteps, schedule: name } = settings;
    const ordered = state.parameters.map((parameter) => {
      const gradient = gradients.get(parameter.name);
      if (gradient) return gradient;
      throw new RangeError(`The adapter matrix ${parameter.name} has no gradient.`);
    });
    const { norm, scale } = clippingScale(ordered, settings.maxGradNorm);
    const before = state.steps.length;
    const learningRate = learningRateAt(before, { name, peak, warmupSteps, totalSteps });
    return { record: { loss, learningRate, gradientNorm: norm }, gradients: ordered, scale };
  }

  private apply({ record: { learningRate }, gradients, scale }: Update): void {
    const { parameters, steps } = this.state;
    const { weightDecay } = this.settings;
    parameters.forEach((parameter, i) => {
      const at = { step: steps.length + 1, learningRate, scale };
      adamwStep(parameter, gradients[i], at, { ...moments, weightDecay });
    });
  }

  /** Mean loss over the rows as the model had it without its adapter, whose values are back afterwards. */
  private async untrainedLoss(rows: readonly TrainingExample[]): Promise<number> {
    const { parameters } = this.state;
    const kept = parameters.map(({ values }) => values.slice());
    try {
      for (const { values } of parameters) values.fill(0);
      return await meanLoss(this.networks.measuring, rows, {
        ...this.pass,
        microBatch: this.settings.microBatch,
      });
    } finally {
      parameters.forEach(({ values }, i) => {
        values.set(kept[i]);
      });
    }
  }

  /** Once a due step: a training that was cancelled while it measured does so when it goes on. */
  private async validateWhereDue(): Promise<void> {
    const { state, split, settings, pass } = this;
    const isDone = state.validations.at(-1)?.step === state.steps.length;
    if (split.validation.length === 0 || isDone || !this.isDue(settings.validation.everySteps)) return;
    const rows = split.validation.map((row) => this.examples[row]);
    const options = { ...pass, microBatch: settings.microBatch };
    const loss = await meanLoss(this.networks.measuring, rows, options);
    const record = { step: state.steps.length, loss };
    requireSoundValidation(record, state.validations);
    if (state.validations.every((earlier) => loss < earlier.loss)) {
      state.best = state.parameters.map(({ values }) => values.slice());
    }
    state.validations.push(record);
    this.listener.validation(record);
  }

  /** At every so many steps, and at the last. */
  private isDue(everySteps: number): boolean {
    const step = this.state.steps.length;
    return step % everySteps === 0 || step === this.totalSteps;
  }

  private isCheckpointDue(): boolean {
    const { everySteps, everyMinutes } = this.settings.checkpoint;
    return this.isDue(everySteps) || Date.now() - this.savedAtMs >= everyMinutes * msPerMinute;
  }

  private async save(): Promise<void> {
    await this.checkpoints.save(this.state);
    this.savedAtMs = Date.now();
  }

  private isExhausted(): boolean {
    const { patience } = this.settings.validation;
    const { validations } = this.state;
    return patience !== null && validations.length - 1 - bestIndex(validations) >= patience;
  }

  /** @returns the step whose values are now the adapter's. */
  private keepBest(): number {
    const { parameters, best, validations, steps } = this.state;
    if (best.length === 0) return steps.length;
    parameters.forEach(({ values }, i) => {
      values.set(best[i]);
    });
    return validations[bestIndex(validations)].step;
  }
}

/** The first of the lowest losses; -1 where there is none. */
function bestIndex(validations: readonly ValidationRecord[]): number {
  return validations.reduce(
    (best, { loss }, i) => (best < 0 || loss < validations[best].loss ? i : best),
    -1,
  );
}
