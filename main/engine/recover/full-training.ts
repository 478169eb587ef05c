import { deriveBackward, gradientName, upstreamName } from '../derive/backward.ts';
import { countParameters } from '../derive/cost.ts';
import { EngineError } from '../errors.ts';
import { shapeOf, type Value } from '../ir/graph.ts';
import { crossEntropy } from '../ops/index.ts';
import type { Family, ModelConfig } from '../families/family.ts';
import { modelGraph } from '../runtime/model-graph.ts';
import { RandomStream } from '../tensor/random.ts';
import { labelsOf, lossWeights, predictedTokens, sumOfPredicted, type Batch } from '../runtime/batch.ts';
import { floats, indices, openSession, type Feed, type Session } from '../runtime/session.ts';
import {
  adamwStep,
  clippingScale,
  trainedParameter,
  type AdamWOptions,
  type TrainedParameter,
} from './adamw.ts';

/** Above this, a model is not trained in one piece with every gradient in memory. */
const maxParameters = 50e6;

export interface TrainingStep {
  readonly loss: number;
  readonly gradientNorm: number;
}

/**
 * Training of every parameter of a small model, the whole network in one float32 graph: how the demo model comes
 * about. Values live in memory and change in place.
 */
export class FullTraining {
  private step = 0;

  private constructor(
    private readonly family: Family,
    private readonly config: ModelConfig,
    private readonly session: Session,
    readonly parameters: readonly (TrainedParameter & { readonly shape: readonly number[] })[],
    private readonly options: AdamWOptions & { readonly maxGradientNorm: number },
  ) {}

  /** Starts from random weights: normal with deviation 0.02, 0.02/√(2·layers) where a layer adds to the residual. */
  static async start(
    family: Family,
    config: ModelConfig,
    options: AdamWOptions & {
      readonly maxGradientNorm: number;
      readonly seed: number;
      readonly threads: number;
    },
  ): Promise<FullTraining> {
    const { graph, logits } = modelGraph(family, config);
    const labels = graph.input('labels', 'int64', ['batch', 'sequence']);
    const losses = graph.apply(crossEntropy, { logits, labels }).y;
    const params = [...graph.params.values()];
    const count = countParameters(graph);
    if (count > maxParameters) {
      throw new EngineError(
        'limit-exceeded',
        `Training every weight takes at most ${maxParameters} parameters; this model has ${count}.`,
      );
    }
    const parameters = params.map((param, i) =>
      initialised(param, config, new RandomStream(options.seed, 'initialisation', i)),
    );
    const dtypes = new Map(params.map(({ name }) => [name, 'F32' as const]));
    const request = { result: losses, inputs: [], params, contracted: [], forward: { losses } };
    const session = await openSession(deriveBackward(graph, request, dtypes), {
      threads: options.threads,
      arena: true,
    });
    return new FullTraining(family, config, session, parameters, options);
  }

  /** One step over a batch: mean next-token loss, clipped gradients, AdamW. */
  async train(batch: Batch, learningRate: number): Promise<TrainingStep> {
    const results = await this.session.run({ ...this.feeds(batch), ...this.weightFeeds() });
    const gradients = this.parameters.map(({ name }) => results[gradientName(name)].data);
    const { norm, scale } = clippingScale(gradients, this.options.maxGradientNorm);
    this.step++;
    this.parameters.forEach((parameter, i) => {
      adamwStep(parameter, gradients[i], { step: this.step, learningRate, scale }, this.options);
    });
    return { loss: sumOfPredicted(results.losses.data, batch) / predictedTokens(batch), gradientNorm: norm };
  }

  /** Mean next-token loss over a batch, changing nothing. */
  async loss(batch: Batch): Promise<number> {
    const results = await this.session.run({ ...this.feeds(batch), ...this.weightFeeds() });
    return sumOfPredicted(results.losses.data, batch) / predictedTokens(batch);
  }

  release(): Promise<void> {
    return this.session.release();
  }

  private feeds(batch: Batch): Record<string, Feed> {
    const dims = [batch.rows, batch.length];
    const side = Object.entries(this.family.sideInputs(this.config, { length: batch.length }));
    return {
      ...Object.fromEntries(side.map(([name, { data, dims: sideDims }]) => [name, floats(data, sideDims)])),
      ids: indices(batch.ids, dims),
      labels: labelsOf(batch),
      [upstreamName]: floats(lossWeights(batch, 1 / predictedTokens(batch)), dims),
    };
  }

  private weightFeeds(): Record<string, Feed> {
    return Object.fromEntries(
      this.parameters.map(({ name, values, shape }) => [name, floats(values, shape)]),
    );
  }
}

function initialised(
  param: Value,
  config: ModelConfig,
  random: RandomStream,
): TrainedParameter & { shape: number[] } {
  const shape = shapeOf(param) as number[];
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  const isMatrix = shape.length > 1;
  const deviation = addsToResidual(param.name) ? 0.02 / Math.sqrt(2 * config.layers.length) : 0.02;
  for (let i = 0; i < values.length; i++) values[i] = isMatrix ? deviation * random.normal() : 1;
  return { ...trainedParameter(param.name, values, isMatrix), shape };
}

const addsToResidual = (name: string): boolean => /\.(o_proj|down_proj)\.weight$/.test(name);
