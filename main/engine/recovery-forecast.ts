import { performance } from 'node:perf_hooks';
import type { TrainingExample } from './dataset/training-example.ts';
import { countMacs } from './derive/cost.ts';
import type { LayerShape } from './families/family.ts';
import type { MachineShare } from './measure-model.ts';
import { initialAdapter, withAdapter } from './recover/adapter.ts';
import { adapterGradients, meanLoss, type PassOptions } from './recover/adapter-gradients.ts';
import { adamwStep, clippingScale } from './recover/adamw.ts';
import { trainingBatches } from './recover/training-batches.ts';
import { splitRows, TrainingOrder } from './recover/training-order.ts';
import { freshState, type TrainingState } from './recover/training-state.ts';
import { recoveryExamples, type RecoverySettings } from './recovery.ts';
import { ActivationStore } from './runtime/activation-store.ts';
import type { Model } from './runtime/model.ts';
import { blockGraph } from './runtime/model-graph.ts';
import { Network } from './runtime/network.ts';
import type { Pace } from './runtime/pace.ts';
import { openWeightStore } from './runtime/residency.ts';

/** How long a training will take, by what one layer took. */
export interface TrainingForecast {
  readonly steps: number;
  /** Tokens that all steps read, padding left out. */
  readonly tokens: number;
  readonly stepMs: number;
  /** Of the steps and the validations between them. */
  readonly trainingMs: number;
  /** The same for the unpruned model; null where it is not trained. */
  readonly controlMs: number | null;
  /** What was measured: one layer, forward and backward, over so many tokens. */
  readonly measured: {
    readonly layerMs: number;
    readonly tokens: number;
    readonly layers: number;
    readonly threads: number;
  };
}

/** Times of the parts of a step, in milliseconds a token that goes through (padding with it). */
interface TokenTimes {
  readonly training: { readonly ends: number; readonly layer: number };
  readonly validation: { readonly ends: number; readonly layer: number };
  /** Of the optimiser's step, for the adapters of one layer. */
  readonly updateMs: number;
  readonly tokens: number;
}

/** Steps whose rows tell what an average step is made of. */
const sampledSteps = 32;
/** Above this, fewer rows than a micro-batch are measured: nobody waits long for an estimate. */
const patienceMs = 3000;
const repetitions = 3;

/**
 * Trains one layer of the model for a moment, on rows of the data, and scales what it took to the training: by the
 * multiplications of each layer as it will be pruned, the tokens of an average step, and the steps.
 * @throws EngineError as recoveryExamples.
 */
export async function forecastTraining(
  recover: RecoverySettings,
  model: Model,
  shapes: readonly LayerShape[],
  share: MachineShare,
  scratchPath: string,
  pace: Pace,
): Promise<TrainingForecast> {
  const { examples } = await recoveryExamples(recover, model, share, pace);
  const { training } = recover;
  const split = splitRows(examples.length, training.validation.rows, training.seed);
  const order = new TrainingOrder(split.training, training.batchSize, training.seed);
  const steps = training.steps ?? Math.ceil(training.epochs * order.stepsPerEpoch);
  const stepRows = Array.from({ length: Math.min(steps, sampledSteps) }, (_, step) =>
    order.rowsOfStep(step).map((row) => examples[row]),
  );
  const validationRows = split.validation.map((row) => examples[row]);
  const times = await measureLayer(recover, model, stepRows[0], share, scratchPath, pace);

  const average = (of: (rows: readonly TrainingExample[]) => number): number =>
    stepRows.reduce((total, rows) => total + of(rows), 0) / stepRows.length;
  const padded = average((rows) => paddedTokens(rows, training.microBatch));
  const validationTokens = paddedTokens(validationRows, training.microBatch);
  const validations = validationRows.length === 0 ? 0 : 1 + Math.ceil(steps / training.validation.everySteps);
  const timesOf = (layers: readonly LayerShape[]): { stepMs: number; trainingMs: number } => {
    const load = loadOf(model, layers, recover.cutoff);
    const through = ({ ends, layer }: TokenTimes['training'], tokens: number): number =>
      tokens * (ends + layer * load);
    const stepMs = through(times.training, padded) + times.updateMs * layers.length;
    return {
      stepMs,
      trainingMs: steps * stepMs + validations * through(times.validation, validationTokens),
    };
  };
  return {
    steps,
    tokens: Math.round(steps * average((rows) => rows.reduce((total, { ids }) => total + ids.length, 0))),
    ...timesOf(shapes),
    controlMs: recover.control ? timesOf(model.config.layers).trainingMs : null,
    measured: {
      layerMs: times.training.layer * times.tokens,
      tokens: times.tokens,
      layers: shapes.length,
      threads: share.threads,
    },
  };
}

/** The layers' multiplications, in those of the layer that is measured. */
function loadOf({ family, config }: Model, layers: readonly LayerShape[], length: number): number {
  const macs = (shape: LayerShape): number => countMacs(blockGraph(family, config, shape).graph, length);
  return layers.reduce((total, shape) => total + macs(shape), 0) / macs(config.layers[0]);
}

const paddedTokens = (rows: readonly TrainingExample[], microBatch: number): number =>
  trainingBatches(rows, microBatch).reduce((total, { ids }) => total + ids.length, 0);

/** A model cut down to its first layer, and to none: the difference is the layer. */
async function measureLayer(
  recover: RecoverySettings,
  model: Model,
  rows: readonly TrainingExample[],
  share: MachineShare,
  scratchPath: string,
  pace: Pace,
): Promise<TokenTimes> {
  const store = new ActivationStore(scratchPath, share.memory.activationBytes);
  const { activationBytes } = share.memory;
  const pass = { store, pace, activationBytes, microBatch: recover.training.microBatch };
  try {
    const one = CutModel.of(recover, model, 1, share, pass);
    const none = CutModel.of(recover, model, 0, share, pass);
    try {
      const measured = await rowsToMeasure(one, rows, recover.training.microBatch);
      const tokens = paddedTokens(measured, recover.training.microBatch);
      const timesOf = async (
        time: (cut: CutModel) => Promise<number>,
      ): Promise<{ ends: number; layer: number }> => {
        const ends = await medianOf(() => time(none));
        const whole = await medianOf(() => time(one));
        return { ends: ends / tokens, layer: Math.max(0, whole - ends) / tokens };
      };
      return {
        training: await timesOf((cut) => cut.trainingMs(measured)),
        validation: await timesOf((cut) => cut.validationMs(measured)),
        updateMs: await medianOf(() => Promise.resolve(one.updateMs())),
        tokens,
      };
    } finally {
      await one.release();
      await none.release();
    }
  } finally {
    await store.close();
  }
}

/** A micro-batch of middling length; a single row of it where that already takes long. */
async function rowsToMeasure(
  cut: CutModel,
  rows: readonly TrainingExample[],
  microBatch: number,
): Promise<readonly TrainingExample[]> {
  const batches = trainingBatches(rows, microBatch);
  const { rowsOfStep } = batches[Math.floor((batches.length - 1) / 2)];
  const chosen = rowsOfStep.map((row) => rows[row]);
  const single = chosen.slice(0, 1);
  // The first time compiles.
  await cut.trainingMs(single);
  const singleMs = await cut.trainingMs(single);
  if (singleMs * chosen.length > patienceMs) return single;
  await cut.trainingMs(chosen);
  return chosen;
}

async function medianOf(time: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < repetitions; i++) times.push(await time());
  return times.sort((a, b) => a - b)[Math.floor(repetitions / 2)];
}

/** A model with so many of its layers, under training. */
class CutModel {
  private gradients: readonly Float32Array[] = [];

  private constructor(
    private readonly recover: RecoverySettings,
    private readonly state: TrainingState,
    private readonly training: Network,
    private readonly measuring: Network,
    private readonly pass: PassOptions,
  ) {}

  static of(
    recover: RecoverySettings,
    whole: Model,
    layers: number,
    { threads, memory }: MachineShare,
    pass: PassOptions,
  ): CutModel {
    const config = { ...whole.config, layers: whole.config.layers.slice(0, layers) };
    const model = { ...whole, config };
    const adaptation = { ...recover.lora, masked: false };
    const state = freshState(initialAdapter(model, adaptation, recover.training.seed));
    const weights = withAdapter(openWeightStore(model.checkpoint, memory.residency), state.parameters);
    const options = { threads, arena: memory.residency === 'ram' };
    const network = (masked: boolean): Network =>
      new Network(model, weights, options, { ...adaptation, masked });
    const measuring = network(false);
    const training = recover.training.dropout > 0 ? network(true) : measuring;
    return new CutModel(recover, state, training, measuring, pass);
  }

  async trainingMs(rows: readonly TrainingExample[]): Promise<number> {
    const { dropout: rate, seed } = this.recover.training;
    const startedAtMs = performance.now();
    const { gradients } = await adapterGradients(this.training, rows, { rate, seed, step: 0 }, this.pass);
    const ms = performance.now() - startedAtMs;
    this.gradients = this.state.parameters.map(({ name, values }) => gradients.get(name) ?? values);
    return ms;
  }

  async validationMs(rows: readonly TrainingExample[]): Promise<number> {
    const startedAtMs = performance.now();
    await meanLoss(this.measuring, rows, this.pass);
    return performance.now() - startedAtMs;
  }

  updateMs(): number {
    const { gradients } = this;
    const { learningRate, maxGradNorm, weightDecay } = this.recover.training;
    const startedAtMs = performance.now();
    const { scale } = clippingScale(gradients, maxGradNorm);
    this.state.parameters.forEach((parameter, i) => {
      const options = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay };
      adamwStep(parameter, gradients[i], { step: 1, learningRate, scale }, options);
    });
    return performance.now() - startedAtMs;
  }

  async release(): Promise<void> {
    for (const network of new Set([this.training, this.measuring])) await network.release();
  }
}
