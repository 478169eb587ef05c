import { macSequenceLength } from './derive/cost.ts';
import { EngineError } from './errors.ts';
import {
  pointsOf,
  timeInTurn,
  type CostPoint,
  type CostSettings,
  type TimedModel,
} from './evaluate/cost/interleave.ts';
import { reportPoint, type PointReport } from './evaluate/cost/report.ts';
import { sessionOptions, withNetwork, type MachineShare } from './measure-model.ts';
import { modelCosts } from './prune/plan.ts';
import { Decoder } from './runtime/decoder.ts';
import { openDecodingWeights, planDecoding, type DecodingPlan } from './runtime/decoding-plan.ts';
import { openModel, storedBytesPerElement, type Model } from './runtime/model.ts';
import { Network } from './runtime/network.ts';
import { partOf, type Pace } from './runtime/pace.ts';
import { peakResidentBytes } from './runtime/process-memory.ts';
import { RandomStream } from './tensor/random.ts';

/** What a forward over 64 tokens, the paper's, takes of a process that does nothing else. */
export interface ForwardMemory {
  /** Highest resident memory of the process, program and all. */
  readonly peakBytes: number;
  /** Resident before the model was opened. */
  readonly programBytes: number;
}

/** Has a forward done in a process of its own: what one process did before would count for the next. */
export type MeasureForward = (model: string, share: MachineShare) => Promise<ForwardMemory>;

export interface CostReport {
  readonly settings: CostSettings;
  readonly threads: number;
  /** `before`, `after` in a run; folders in a measurement of its own. The first is what the others are compared with. */
  readonly models: readonly (ForwardMemory & {
    readonly name: string;
    /** How the weights were held while tokens were timed. */
    readonly weights: DecodingPlan['weights'];
    readonly residency: DecodingPlan['memory']['residency'];
  })[];
  readonly points: readonly PointReport[];
}

/** The memory of one forward; call it first thing in a process. */
export async function measureForward(
  folder: string,
  share: MachineShare,
  pace: Pace,
): Promise<ForwardMemory> {
  const programBytes = process.memoryUsage.rss();
  const model = await openModel(folder);
  try {
    await withNetwork(model, share, async (network) => {
      const ids = randomIds(model, macSequenceLength);
      const batch = { rows: 1, length: macSequenceLength, ids };
      let hidden = await network.embed(batch);
      for (let layer = 0; layer < network.layerCount; layer++) {
        hidden = await network.forwardLayer(layer, await network.takeLayer(layer), hidden, batch);
        await pace.breathe();
      }
      await network.logits(hidden, batch);
    });
    return { peakBytes: peakResidentBytes(), programBytes };
  } finally {
    await model.checkpoint.close();
  }
}

/**
 * Times models in turn, the first being what the others are compared with.
 * @throws EngineError prompt-too-long where a model has too few positions; memory-exceeded.
 */
export async function measureCost(
  named: readonly { readonly name: string; readonly folder: string }[],
  settings: CostSettings,
  share: MachineShare,
  measureForwardOf: MeasureForward,
  pace: Pace,
): Promise<CostReport> {
  const forwards: ForwardMemory[] = [];
  for (const { folder } of named) {
    await pace.breathe();
    forwards.push(await measureForwardOf(folder, share));
  }
  const opened: OpenedModel[] = [];
  try {
    for (const { folder } of named) opened.push(await openTimed(folder, share, named.length));
    for (const { model } of opened) requirePositions(model, settings);
    const points: PointReport[] = [];
    for (const [i, point] of pointsOf(settings).entries()) {
      const part = partOf(pace, i / pointsOf(settings).length, (i + 1) / pointsOf(settings).length);
      const timed = opened.map((one) => timedModel(one, part));
      points.push(reportPoint(point, await timeInTurn(timed, point, settings, part)));
    }
    const models = named.map(({ name }, i) => {
      const { weights, memory } = opened[i].plan;
      return { name, ...forwards[i], weights, residency: memory.residency };
    });
    return { settings, threads: share.threads, models, points };
  } finally {
    for (const one of opened) await one.close();
  }
}

interface OpenedModel {
  readonly model: Model;
  readonly plan: DecodingPlan;
  readonly network: Network;
  close(): Promise<void>;
}

/** Each has its part of the budget: they are in memory together. */
async function openTimed(folder: string, share: MachineShare, count: number): Promise<OpenedModel> {
  const model = await openModel(folder);
  const { family, config, checkpoint } = model;
  const costs = modelCosts(family, config, config, storedBytesPerElement(model));
  const { kind } = share.device;
  const plan = planDecoding(config, costs, Math.floor(share.memory.budgetBytes / count), kind);
  const weights = openDecodingWeights(checkpoint, plan, kind);
  const network = new Network(model, weights, sessionOptions(share));
  return {
    model,
    plan,
    network,
    async close() {
      await network.release();
      weights.release();
      await checkpoint.close();
    },
  };
}

function timedModel({ model, network, plan }: OpenedModel, pace: Pace): TimedModel {
  const quiet = { ...pace, report: () => undefined };
  return {
    begin({ batchSize, promptLength }: CostPoint) {
      const decoder = new Decoder(network, batchSize, plan.memory);
      const prompt = randomIds(model, batchSize * promptLength);
      const token = prompt.subarray(0, batchSize);
      return {
        async prefill() {
          await decoder.advance(prompt, quiet);
        },
        async decode() {
          await decoder.advance(token, quiet);
        },
      };
    },
  };
}

/** What the tokens are makes no difference to the time. */
function randomIds({ config }: Model, count: number): Int32Array {
  const random = new RandomStream(42, 'generation');
  return Int32Array.from({ length: count }, () => random.below(config.vocabSize));
}

function requirePositions({ config, folder }: Model, { promptLengths, newTokens }: CostSettings): void {
  const most = Math.max(...promptLengths) + newTokens;
  if (most <= config.maxPositions) return;
  throw new EngineError(
    'prompt-too-long',
    `A prompt of ${most - newTokens} tokens and ${newTokens} new ones need ${most} positions; ${folder} has ${config.maxPositions}.`,
    { positions: most, maxPositions: config.maxPositions, folder },
    'Choose shorter prompts, or fewer new tokens.',
  );
}
