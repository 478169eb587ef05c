import { performance } from 'node:perf_hooks';
import type { TrainingExample } from './dataset/training-example.ts';
import { countMacs } from './derive/cost.ts';
import type { NetworkShape } from './families/family.ts';
import type { MachineShare } from './measure-model.ts';
import { initialAdapter } from './recover/adapter.ts';
import { adapterGradients, meanLoss, type PassOptions } from './recover/adapter-gradients.ts';
import { adamwStep, clippingScale, moments } from './recover/adamw.ts';
import { trainingBatches } from './recover/training-batches.ts';
import { splitExamples, TrainingOrder } from './recover/training-order.ts';
import { freshState, type TrainingState } from './recover/training-state.ts';
import { recoveryExamples, type RecoverySettings } from './recovery.ts';
import { ActivationStore } from './runtime/activation-store.ts';
import type { Model } from './runtime/model.ts';
import { blockGraph } from './runtime/model-graph.ts';
import type { Pace } from './runtime/pace.ts';
import { adaptationOf, trainingNetworks, type OpenNetworks } from './training-networks.ts';

/** How long a training will take, by what some layers took. */
export interface TrainingForecast {
  readonly steps: number;
  /** Tokens that all steps read, padding left out. */
  readonly tokens: number;
  readonly stepMs: number;
  /** Of the steps and the validations between them. */
  readonly trainingMs: number;
  /** The same for the unpruned model; null where it is not trained. */
  readonly controlMs: number | null;
  /** What was measured: so many of the layers, forward and backward, over so many tokens. */
  readonly measured: {
    readonly ms: number;
    readonly tokens: number;
    readonly layers: number;
    readonly ofLayers: number;
    readonly threads: number;
  };
}

/** Milliseconds a token that goes through, padding with it: before and after the layers, and in what was measured of them. */
interface TokenMs {
  readonly ends: number;
  readonly layers: number;
}

interface Measured {
  readonly training: TokenMs;
  readonly validation: TokenMs;
  /** Of the optimiser's step. */
  readonly updateMs: number;
  readonly tokens: number;
  readonly layers: number;
}

/** Steps whose rows tell what an average step is made of. */
const sampledSteps = 32;
/** What is measured at once takes at most this long where it can be made smaller: nobody waits long for an estimate. */
const onceMs = 600;
/** Other work on the machine comes and goes: the middle of some times is taken. */
const repetitions = 5;

/**
 * Trains some layers of the model for a moment, on rows of the data, and scales what they took to the training: by the
 * widths of each layer as it will be pruned, the tokens of an average step, and the steps.
 * @throws EngineError as recoveryExamples.
 */
export async function forecastTraining(
  recover: RecoverySettings,
  model: Model,
  shape: NetworkShape,
  share: MachineShare,
  scratchPath: string,
  pace: Pace,
): Promise<TrainingForecast> {
  const { examples } = await recoveryExamples(recover, model, share, pace);
  const { training } = recover;
  const split = splitExamples(examples, training);
  const order = new TrainingOrder(split.training, training.batchSize, training.seed);
  const steps = order.stepsOf(training);
  const stepRows = Array.from({ length: Math.min(steps, sampledSteps) }, (_, step) =>
    order.rowsOfStep(step).map((row) => examples[row]),
  );
  const validationRows = split.validation.map((row) => examples[row]);
  const measured = await measureLayers(recover, model, stepRows[0], share, scratchPath, pace);

  const average = (of: (rows: readonly TrainingExample[]) => number): number =>
    stepRows.reduce((total, rows) => total + of(rows), 0) / stepRows.length;
  const padded = average((rows) => paddedTokens(rows, training.microBatch));
  const validationTokens = paddedTokens(validationRows, training.microBatch);
  const validations = validationRows.length === 0 ? 0 : 1 + Math.ceil(steps / training.validation.everySteps);
  const load = loadOf(model, recover.cutoff);
  const measuredLoad = load({ ...model.config, layers: model.config.layers.slice(0, measured.layers) });
  const timesOf = (widths: NetworkShape): { stepMs: number; trainingMs: number } => {
    // What does not shrink with the widths (masks, norms, what a session costs) is taken for half of a layer.
    const share = (load(widths) / measuredLoad + widths.layers.length / measured.layers) / 2;
    const through = (times: TokenMs, tokens: number): number => tokens * (times.ends + times.layers * share);
    const updateMs = (measured.updateMs * widths.layers.length) / measured.layers;
    const stepMs = through(measured.training, padded) + updateMs;
    return {
      stepMs,
      trainingMs: steps * stepMs + validations * through(measured.validation, validationTokens),
    };
  };
  const { training: times, tokens, layers } = measured;
  return {
    steps,
    tokens: Math.round(steps * average((rows) => rows.reduce((total, { ids }) => total + ids.length, 0))),
    ...timesOf(shape),
    controlMs: recover.control ? timesOf(model.config).trainingMs : null,
    measured: {
      ms: times.layers * tokens,
      tokens,
      layers,
      ofLayers: shape.layers.length,
      threads: share.threads,
    },
  };
}

/** The multiplications of layers over a row. */
function loadOf({ family, config }: Model, length: number): (widths: NetworkShape) => number {
  return ({ hiddenSize, layers }) =>
    layers.reduce(
      (total, shape) => total + countMacs(blockGraph(family, { ...config, hiddenSize }, shape).graph, length),
      0,
    );
}

const paddedTokens = (rows: readonly TrainingExample[], microBatch: number): number =>
  trainingBatches(rows, microBatch).reduce((total, { ids }) => total + ids.length, 0);

/** A model cut down to some layers, and to none: the difference is the layers'. */
async function measureLayers(
  recover: RecoverySettings,
  model: Model,
  rows: readonly TrainingExample[],
  share: MachineShare,
  scratchPath: string,
  pace: Pace,
): Promise<Measured> {
  const { activationBytes } = share.memory;
  const store = new ActivationStore(scratchPath, activationBytes);
  const { microBatch } = recover.training;
  const pass = { store, pace, activationBytes, microBatch };
  const cuts: CutModel[] = [];
  const cutTo = (layers: number): CutModel => {
    const cut = CutModel.of(recover, model, layers, share, pass);
    cuts.push(cut);
    return cut;
  };
  try {
    const { measuredRows, layers } = await sizeOfMeasurement(cutTo(1), rows, microBatch, model);
    const [some, none] = [cutTo(layers), cutTo(0)];
    const tokens = paddedTokens(measuredRows, microBatch);
    const tokenMs = async (time: (cut: CutModel) => Promise<number>): Promise<TokenMs> => {
      const [whole, ends] = await middleTimes([() => time(some), () => time(none)]);
      // Where other work on the machine drowns the layers, all of it is taken for theirs: rather too long than too short.
      const ofLayers = whole > ends ? whole - ends : whole;
      return { ends: ends / tokens, layers: ofLayers / tokens };
    };
    const training = await tokenMs((cut) => cut.trainingMs(measuredRows));
    const validation = await tokenMs((cut) => cut.validationMs(measuredRows));
    const [updateMs] = await middleTimes([() => Promise.resolve(some.updateMs())]);
    return { training, validation, updateMs, tokens, layers };
  } finally {
    for (const cut of cuts) await cut.release();
    await store.close();
  }
}

/** A micro-batch of middling length through as many layers as take a moment; a single row where one layer takes long. */
async function sizeOfMeasurement(
  one: CutModel,
  rows: readonly TrainingExample[],
  microBatch: number,
  { config }: Model,
): Promise<{ readonly measuredRows: readonly TrainingExample[]; readonly layers: number }> {
  const batches = trainingBatches(rows, microBatch);
  const { rowsOfStep } = batches[Math.floor((batches.length - 1) / 2)];
  const chosen = rowsOfStep.map((row) => rows[row]);
  const single = chosen.slice(0, 1);
  // The first time compiles.
  await one.trainingMs(single);
  const singleMs = await one.trainingMs(single);
  const ms = singleMs * chosen.length;
  if (ms > 4 * onceMs) return { measuredRows: single, layers: 1 };
  const layers = Math.max(1, Math.min(config.layers.length, Math.floor(onceMs / ms)));
  return { measuredRows: chosen, layers };
}

/** The middle time of each, taken in turns, so that what else the machine does slows all alike; the first turn compiles. */
async function middleTimes(times: readonly (() => Promise<number>)[]): Promise<number[]> {
  const taken: number[][] = times.map(() => []);
  for (let turn = 0; turn <= repetitions; turn++) {
    for (const [i, time] of times.entries()) {
      const ms = await time();
      if (turn > 0) taken[i].push(ms);
    }
  }
  return taken.map((ms) => ms.sort((a, b) => a - b)[Math.floor(repetitions / 2)]);
}

/** A model with so many of its layers, under training. */
class CutModel {
  private gradients: readonly Float32Array[] = [];

  private constructor(
    private readonly recover: RecoverySettings,
    private readonly state: TrainingState,
    private readonly networks: OpenNetworks,
    private readonly pass: PassOptions,
  ) {}

  static of(
    recover: RecoverySettings,
    whole: Model,
    layers: number,
    share: MachineShare,
    pass: PassOptions,
  ): CutModel {
    const config = { ...whole.config, layers: whole.config.layers.slice(0, layers) };
    const model = { ...whole, config };
    const state = freshState(initialAdapter(model, adaptationOf(recover), recover.training.seed));
    const networks = trainingNetworks(recover, model, state.parameters, share);
    return new CutModel(recover, state, networks, pass);
  }

  async trainingMs(rows: readonly TrainingExample[]): Promise<number> {
    const { dropout: rate, seed } = this.recover.training;
    const startedAtMs = performance.now();
    const { gradients } = await adapterGradients(
      this.networks.training,
      rows,
      { rate, seed, step: 0 },
      this.pass,
    );
    const ms = performance.now() - startedAtMs;
    this.gradients = this.state.parameters.map(({ name, values }) => gradients.get(name) ?? values);
    return ms;
  }

  async validationMs(rows: readonly TrainingExample[]): Promise<number> {
    const startedAtMs = performance.now();
    await meanLoss(this.networks.measuring, rows, this.pass);
    return performance.now() - startedAtMs;
  }

  updateMs(): number {
    const { gradients } = this;
    const { learningRate, maxGradNorm, weightDecay } = this.recover.training;
    const startedAtMs = performance.now();
    const { scale } = clippingScale(gradients, maxGradNorm);
    this.state.parameters.forEach((parameter, i) => {
      adamwStep(parameter, gradients[i], { step: 1, learningRate, scale }, { ...moments, weightDecay });
    });
    return performance.now() - startedAtMs;
  }

  async release(): Promise<void> {
    await this.networks.release();
  }
}
