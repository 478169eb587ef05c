/**
 * How much of a plain matrix product's speed the engine keeps: forward, loss, backward and scores of four layers of
 * TinyLlama's shape, with threads that sleep and that spin while they wait; and slicing against a file copy.
 *
 *   node scripts/run-ts.mjs scripts/bench/engine-rates.ts --folder DIR [--dtype F32|F16|BF16] [--rounds 5]
 *
 * Each step follows a plain product in the same sessions' setting, so that what else the machine does falls on both;
 * the tables show medians over the rounds. DIR takes 2 GB (4 GB with F32); the model in it is used again.
 */
import { copyFile, open, readFile, rm, stat } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { SINGLE_FILE } from '../../main/engine/checkpoint/weight-files.ts';
import { writeCheckpoint } from '../../main/engine/checkpoint/write-checkpoint.ts';
import { criterionNamed } from '../../main/engine/criteria/index.ts';
import { elementsOf } from '../../main/engine/derive/cost.ts';
import { OnnxGraph } from '../../main/engine/onnx/onnx-graph.ts';
import { MemberScorer } from '../../main/engine/prune/member-scores.ts';
import type { PrunePlan } from '../../main/engine/prune/plan.ts';
import { selectStructures } from '../../main/engine/prune/select-structures.ts';
import { slicedTensors } from '../../main/engine/prune/slice.ts';
import { structureCosts } from '../../main/engine/prune/structure-costs.ts';
import { lossWeights, predictedTokens, type Batch } from '../../main/engine/runtime/batch.ts';
import { openModel, type Model } from '../../main/engine/runtime/model.ts';
import { blockGraph } from '../../main/engine/runtime/model-graph.ts';
import { Network, type BlockGradient, type LayerWeights } from '../../main/engine/runtime/network.ts';
import { openWeightStore } from '../../main/engine/runtime/residency.ts';
import { floats, openSession, type Feed, type Session } from '../../main/engine/runtime/session.ts';
import type { Dtype } from '../../main/engine/tensor/dtype.ts';
import { RandomStream } from '../../main/engine/tensor/random.ts';
import { printTable } from './print-table.ts';
import { provideRandomModel } from './random-model.ts';

const { values: args } = parseArgs({
  options: {
    folder: { type: 'string' },
    dtype: { type: 'string', default: 'BF16' },
    rounds: { type: 'string', default: '5' },
  },
});

const configFile = 'test/golden/published/tinyllama-1.1b/config.json';
const layerCount = 4;

/** The published calibration set: ten rows of 64 tokens. */
const rows = 10;
const length = 64;
const tokens = rows * length;

const rounds = Number(args.rounds);
const threads = availableParallelism();

async function measure(): Promise<void> {
  if (args.folder === undefined) throw new Error('Name a folder with some GB of room: --folder DIR');
  const folder = resolve(args.folder, args.dtype.toLowerCase());
  const published = JSON.parse(await readFile(configFile, 'utf8')) as object;
  await provideRandomModel(folder, { ...published, num_hidden_layers: layerCount }, args.dtype as Dtype);
  const model = await openModel(folder);
  try {
    print(`${layerCount} layers of ${args.dtype}, ${tokens} tokens, ${threads} threads, ${rounds} rounds\n`);
    await measureSteps(model);
    await measureSlicing(model, folder);
  } finally {
    await model.checkpoint.close();
  }
}

async function measureSteps(model: Model): Promise<void> {
  const benches = [];
  for (const spinning of [false, true]) benches.push(await StepBench.open(model, spinning));
  const loadBefore = loadavg()[0];
  // The first round opens sessions and reads weights: it does not count.
  for (let round = 0; round <= rounds; round++) {
    for (const bench of benches) await bench.round(round > 0);
  }
  print(`Load average ${loadBefore.toFixed(1)} before, ${loadavg()[0].toFixed(1)} after\n`);
  for (const bench of benches) {
    print(`\nThreads ${bench.spinning ? 'spin' : 'sleep'} while they wait\n`);
    printRates(bench.steps, 'GFLOP', 'plain product');
    await bench.close();
  }
}

/** Work done, in GFLOP or megabytes, and what it took; processor time is of all threads. */
interface Work {
  readonly amount: number;
  readonly elapsedSeconds: number;
  readonly cpuSeconds: number;
}

/** A step, and what it is held against, done just before. */
interface Pair {
  readonly step: Work;
  readonly against: Work;
}

async function timed<T>(amount: number, work: () => Promise<T>): Promise<Work & { readonly result: T }> {
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(cpuBefore);
  const elapsedSeconds = (performance.now() - startedAt) / 1e3;
  return { amount, elapsedSeconds, cpuSeconds: (user + system) / 1e6, result };
}

function together(a: Work, b: Work): Work {
  return {
    amount: a.amount + b.amount,
    elapsedSeconds: a.elapsedSeconds + b.elapsedSeconds,
    cpuSeconds: a.cpuSeconds + b.cpuSeconds,
  };
}

/** The steps of an estimation, one way of waiting, with sessions of its own. Weights stay in memory. */
class StepBench {
  readonly steps = new Map<string, Pair[]>();

  private constructor(
    readonly spinning: boolean,
    private readonly model: Model,
    private readonly plain: PlainProduct,
    private readonly network: Network,
    private readonly scorer: MemberScorer,
  ) {}

  static async open(model: Model, spinning: boolean): Promise<StepBench> {
    const options = { threads, spinning };
    const criterion = criterionNamed('taylor-element1');
    if (criterion.kind !== 'weight') throw new RangeError('taylor-element1 needs weights.');
    return new StepBench(
      spinning,
      model,
      await PlainProduct.open(model.config.hiddenSize, model.config.layers[0].mlpWidth, options),
      new Network(model, openWeightStore(model.checkpoint, 'ram'), options),
      new MemberScorer(criterion, options),
    );
  }

  /** Two operations a weight and token in each matrix product; what attention multiplies is left out: below 1 %. */
  async round(counts: boolean): Promise<void> {
    const { network, model } = this;
    const { vocabSize, hiddenSize } = model.config;
    const batch = randomBatch(vocabSize);
    const matrices = layerMatrices(model);
    const names = matrices.map(({ name }) => name);
    const layerGflop = 2e-9 * tokens * matrices.reduce((total, { elements }) => total + elements, 0);
    const headGflop = 2e-9 * tokens * vocabSize * hiddenSize;
    const note = (name: string, pair: Pair): void => {
      if (counts) this.steps.set(name, [...(this.steps.get(name) ?? []), pair]);
    };

    const hidden = [await network.embed(batch)];
    for (let layer = 0; layer < layerCount; layer++) {
      const weights = await network.takeLayer(layer);
      const forward = await this.step(layerGflop, () =>
        network.forwardLayer(layer, weights, hidden[layer], batch),
      );
      note('forward', forward);
      hidden.push(forward.step.result);
    }
    const loss = await this.step(2 * headGflop, () =>
      network.lossesAndGradient(hidden[layerCount], batch, lossWeights(batch, 1 / predictedTokens(batch))),
    );
    note('loss and its gradient', loss);
    let upstream = loss.step.result.dx;
    for (let layer = layerCount - 1; layer >= 0; layer--) {
      const weights = await network.takeLayer(layer);
      const backward = await this.step(2 * layerGflop, () =>
        network.backwardLayer(layer, weights, hidden[layer], upstream, batch, {
          contracted: names,
          params: [],
        }),
      );
      const scores = await this.step(layerGflop, () => this.score(weights, backward.step.result));
      note('forward again, backward', backward);
      note('weight gradients, scores', scores);
      note('backward and scores together', {
        step: together(backward.step, scores.step),
        against: together(backward.against, scores.against),
      });
      upstream = backward.step.result.dx;
    }
  }

  async close(): Promise<void> {
    await this.network.release();
    await this.scorer.release();
    await this.plain.session.release();
  }

  private async step<T>(
    gflop: number,
    work: () => Promise<T>,
  ): Promise<{ against: Work; step: Work & { readonly result: T } }> {
    return { against: await this.plain.work(), step: await timed(gflop, work) };
  }

  private async score(weights: LayerWeights, gradient: BlockGradient): Promise<void> {
    const dtype = args.dtype as Dtype;
    for (const [param, factors] of gradient.contractions) {
      const contractions = [{ tokens, fisherWeight: 1, read: () => Promise.resolve(factors) }];
      await this.scorer.sums({ feed: weights[param], dtype, contractions });
    }
  }
}

function randomBatch(vocabSize: number): Batch {
  const random = new RandomStream(1, 'calibration');
  return { rows, length, ids: Int32Array.from({ length: tokens }, () => random.below(vocabSize)) };
}

/** Names, without the layer's prefix, and sizes of a layer's linear weights. */
function layerMatrices({ family, config }: Model): { name: string; elements: number }[] {
  const { graph } = blockGraph(family, config, config.layers[0]);
  return [...graph.params.values()]
    .filter(({ axes }) => axes.length === 2)
    .map((param) => ({ name: param.name, elements: elementsOf(param) }));
}

/** x·A·B in float32, with A and B as wide as an MLP's two projections: what the machine's matrix product gives. */
class PlainProduct {
  private constructor(
    readonly session: Session,
    private readonly feeds: Readonly<Record<string, Feed>>,
    private readonly gflop: number,
  ) {}

  static async open(
    hidden: number,
    wide: number,
    options: { threads: number; spinning: boolean },
  ): Promise<PlainProduct> {
    const g = new OnnxGraph();
    const x = g.input('x', 'float', [tokens, hidden]);
    const up = g.input('up', 'float', [hidden, wide]);
    const down = g.input('down', 'float', [wide, hidden]);
    g.output('y', g.matmul(g.matmul(x, up), down), 'float', [tokens, hidden]);
    const program = { model: g.encode(), inputs: g.usedInputs(), outputs: g.outputNames() };
    const random = new RandomStream(1, 'initialisation');
    const filled = (...dims: [number, number]): Feed => {
      const pattern = Float32Array.from({ length: 4093 }, () => random.uniform() - 0.5);
      return floats(
        Float32Array.from({ length: dims[0] * dims[1] }, (_, i) => pattern[i % pattern.length]),
        dims,
      );
    };
    const feeds = { x: filled(tokens, hidden), up: filled(hidden, wide), down: filled(wide, hidden) };
    return new PlainProduct(await openSession(program, options), feeds, 4e-9 * tokens * hidden * wide);
  }

  work(): Promise<Work> {
    return timed(this.gflop, () => this.session.run(this.feeds));
  }
}

/** Megabytes of the file that is written; both ways end when the bytes are on disk. */
async function measureSlicing(model: Model, folder: string): Promise<void> {
  const [weights, copy, sliced] = [SINGLE_FILE, 'copy.bin', 'sliced'].map((name) => join(folder, name));
  const plan = randomPlan(model);
  const pairs: Pair[] = [];
  for (let round = 0; round <= rounds; round++) {
    const against = await timed(await megabytesOf(weights), () => copyToDisk(weights, copy));
    const slicing = await timed(0, () => writeCheckpoint(sliced, slicedTensors(model, plan)));
    const step = { ...slicing, amount: await megabytesOf(join(sliced, SINGLE_FILE)) };
    for (const made of [copy, sliced]) await rm(made, { recursive: true });
    if (round > 0) pairs.push({ step, against });
  }
  print('\nA random quarter of the heads and channels removed, against a file copy\n');
  printRates(new Map([['slicing', pairs]]), 'MB', 'file copy');
}

function randomPlan({ family, config }: Model): PrunePlan {
  const window = [0, layerCount] as const;
  const selection = { ratio: 0.25, windows: { attention: window, mlp: window } };
  const scores = config.layers.map(({ kvHeads, mlpWidth }, layer) => {
    const random = new RandomStream(1, 'random-criterion', layer);
    const drawn = (count: number): number[] => Array.from({ length: count }, () => random.uniform());
    return [layer, { layer, heads: drawn(kvHeads), channels: drawn(mlpWidth) }] as const;
  });
  const costs = structureCosts(family, config, () => 2);
  return selectStructures({ config, costs, selection, share: 1, scores: new Map(scores), before: null });
}

async function copyToDisk(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  const handle = await open(to, 'r+');
  await handle.sync();
  await handle.close();
}

async function megabytesOf(path: string): Promise<number> {
  return (await stat(path)).size / 1e6;
}

function printRates(steps: ReadonlyMap<string, readonly Pair[]>, unit: string, against: string): void {
  const [perSecond, perCpuSecond] = [
    ({ amount, elapsedSeconds }: Work) => amount / elapsedSeconds,
    ({ amount, cpuSeconds }: Work) => amount / cpuSeconds,
  ];
  const all = [...steps.values()].flat();
  const whole = (values: readonly number[]): string => median(values).toFixed(0);
  const ratio = (values: readonly number[]): string => median(values).toFixed(2);
  const plain = all.map((pair) => pair.against);
  printTable([
    ['', `${unit}/s`, `${unit}/CPU s`, `of the ${against}`, 'by CPU time'],
    [against, whole(plain.map(perSecond)), whole(plain.map(perCpuSecond)), '1.00', '1.00'],
    ...[...steps].map(([name, pairs]) => [
      name,
      whole(pairs.map(({ step }) => perSecond(step))),
      whole(pairs.map(({ step }) => perCpuSecond(step))),
      ratio(pairs.map((pair) => perSecond(pair.step) / perSecond(pair.against))),
      ratio(pairs.map((pair) => perCpuSecond(pair.step) / perCpuSecond(pair.against))),
    ]),
  ]);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

function print(text: string): void {
  process.stdout.write(text);
}

await measure();
