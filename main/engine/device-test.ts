import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Checkpoint } from './checkpoint/checkpoint.ts';
import type { WeightCriterion } from './criteria/criterion.ts';
import { criterionIds, criterionNamed } from './criteria/index.ts';
import { readModelConfig } from './families/index.ts';
import { shapeOf } from './ir/graph.ts';
import { OnnxGraph } from './onnx/onnx-graph.ts';
import { estimate } from './prune/estimate.ts';
import { initialAdapter, withAdapter } from './recover/adapter.ts';
import { adapterGradients, meanLoss } from './recover/adapter-gradients.ts';
import { modelTargets } from './recovery.ts';
import { ActivationStore } from './runtime/activation-store.ts';
import type { DeviceKind } from './runtime/device.ts';
import type { Model } from './runtime/model.ts';
import { modelGraph } from './runtime/model-graph.ts';
import { Network } from './runtime/network.ts';
import type { Pace } from './runtime/pace.ts';
import { operatorsIn } from './runtime/operator-placement.ts';
import { openWeightStore } from './runtime/residency.ts';
import { announceDevices, floats, openSession, transfer, type SessionOptions } from './runtime/session.ts';
import { RandomStream } from './tensor/random.ts';

/** What the test of a card found. */
export interface DeviceTest {
  /** Operators that computed on the card. */
  readonly onCard: readonly string[];
  /** Operators on numbers that computed on the processor though the card was asked. */
  readonly fallbacks: readonly string[];
  /** Largest difference of a result from the processor's, relative to the largest of its kind; NaN where one is none. */
  readonly worstDifference: number;
  /** Time of four products of square matrices of `productSize` on each, the better of two runs. */
  readonly productSize: number;
  readonly cardMs: number;
  readonly cpuMs: number;
}

/**
 * Does everything that a run computes on a tiny random model, on the card and on the processor. ONNX Runtime tells on
 * stderr which devices the machine has. A driver that is broken may end the process, or never come back.
 * @param found Called once there is something that computes, before the long part.
 * @throws EngineError device-unavailable where there is nothing.
 */
export async function testDevice(threads: number, pace: Pace, found: () => void): Promise<DeviceTest> {
  announceDevices();
  await transfer(new Float32Array(1), [1], 'card');
  found();
  const folder = await mkdtemp(join(tmpdir(), 'llm-pruner-device-'));
  try {
    const expected = await everyResult({ threads, device: 'cpu' }, folder, pace);
    const onCard = await everyResult({ threads, device: 'webgpu' }, folder, pace);
    const { card, processor } = await operatorsIn(folder, 'session');
    return {
      onCard: card,
      fallbacks: processor,
      worstDifference: worstDifference(onCard, expected),
      ...(await speeds(threads)),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A LLaMA with every op that the families have. */
const testConfig = {
  architectures: ['LlamaForCausalLM'],
  vocab_size: 61,
  hidden_size: 32,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 48,
  rms_norm_eps: 1e-5,
  attention_bias: true,
};

/** Two batches, so that a gradient is added to an earlier one. */
const rows = [0, 1].map((row) =>
  Array.from({ length: 12 }, (_, i) => (7 * i + 13 * row) % testConfig.vocab_size),
);

type Results = ReadonlyMap<string, ArrayLike<number>>;

async function everyResult(
  options: SessionOptions & { readonly device: DeviceKind },
  folder: string,
  pace: Pace,
): Promise<Results> {
  const model = testModel();
  const adaptation = { rank: 4, alpha: 8, targets: modelTargets(model), masked: true };
  const adapter = initialAdapter(model, adaptation, 1);
  for (const { values } of adapter) values.forEach((value, i) => (values[i] = value + 0.1 * Math.sin(i + 1)));
  const residency = options.device === 'webgpu' ? 'card' : 'ram';
  const weights = openWeightStore(model.checkpoint, residency, options.device);
  const store = new ActivationStore(join(folder, 'activations'), Infinity);
  const profiled =
    options.device === 'webgpu' ? { ...options, profilePrefix: join(folder, 'session') } : options;
  const plain = new Network(model, weights, profiled);
  const adapted = new Network(model, withAdapter(weights, adapter), profiled, adaptation);
  try {
    const pass = { microBatch: 2, activationBytes: Infinity, store, pace };
    const examples = rows.map((row, document) => ({
      ids: Int32Array.from(row),
      learnt: new Uint8Array(12).fill(1),
      document,
    }));
    const { loss, gradients } = await adapterGradients(
      adapted,
      examples,
      { rate: 0.1, seed: 1, step: 0 },
      pass,
    );
    const measured = await meanLoss(plain, examples, pass);
    const scores = new Map<string, ArrayLike<number>>();
    for (const id of criterionIds) {
      const criterion = criterionNamed(id);
      if (criterion.kind !== 'drawn') await score(plain, criterion, profiled, store, pace, scores);
    }
    return new Map([['losses', [loss, measured]], ...gradients, ...scores]);
  } finally {
    await store.close();
    for (const network of [plain, adapted]) await network.release();
    weights.release();
  }
}

async function score(
  network: Network,
  criterion: WeightCriterion,
  session: SessionOptions,
  store: ActivationStore,
  pace: Pace,
  scores: Map<string, ArrayLike<number>>,
): Promise<void> {
  await estimate(network, {
    criterion,
    aggregation: 'sum',
    fold: 'correct',
    windows: { attention: [0, 1], mlp: [0, 1] },
    seed: 1,
    rows,
    batchTokens: 12,
    store,
    session,
    pace,
    done: new Set(),
    save: async ({ heads, channels }) => {
      scores.set(`${criterion.id} heads`, heads).set(`${criterion.id} channels`, channels);
    },
  });
}

/** Random weights in memory, behind the face of a checkpoint. */
function testModel(): Model {
  const described = readModelConfig(testConfig);
  const params = [...modelGraph(described.family, described.config).graph.params.values()];
  const values = new Map<string, Float32Array>();
  const tensors: Checkpoint['tensors'] = new Map(
    params.map((param, i) => {
      const shape = shapeOf(param).map(Number);
      const random = new RandomStream(1, 'initialisation', i);
      const size = shape.reduce((a, b) => a * b, 1);
      const data = Float32Array.from(
        { length: size },
        () => (shape.length === 1 ? 1 : 0) + 0.3 * random.normal(),
      );
      values.set(param.name, data);
      const sizeBytes = data.byteLength;
      return [param.name, { name: param.name, dtype: 'F32', shape, file: '', offset: 0, sizeBytes }];
    }),
  );
  const found = <T>(known: ReadonlyMap<string, T>, name: string): T => {
    const value = known.get(name);
    if (value === undefined) throw new RangeError(`The test model has no ${name}.`);
    return value;
  };
  const checkpoint: Checkpoint = {
    folder: '',
    tensors,
    others: new Map(),
    totalBytes: 0,
    info: (name) => found(tensors, name),
    read: async (name) => found(values, name),
    readRows: async (name) => found(values, name),
    close: async () => {},
  };
  return { folder: '', baseFolder: '', ...described, checkpoint };
}

function worstDifference(found: Results, expected: Results): number {
  let worst = 0;
  for (const [name, wanted] of expected) {
    const values = Array.from(found.get(name) ?? []);
    const largest = Array.from(wanted).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const difference = values.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i])), 0);
    worst = Math.max(worst, values.length === wanted.length ? difference / largest : NaN);
  }
  return worst;
}

/** Sizes of square matrices: the products of the larger take a card milliseconds, and a renderer in software a minute. */
const productSizes = { glance: 256, measure: 1024 };
/** A card is slowed by what is sent to it, at most so much on the smaller matrices. */
const hopelessFactor = 20;

/** Time of the same products on the card and on the processor, on matrices as large as it pays to try. */
async function speeds(threads: number): Promise<Pick<DeviceTest, 'cardMs' | 'cpuMs' | 'productSize'>> {
  const both = async (size: number): Promise<Pick<DeviceTest, 'cardMs' | 'cpuMs' | 'productSize'>> => ({
    productSize: size,
    cardMs: await productMs(size, { threads, device: 'webgpu' }),
    cpuMs: await productMs(size, { threads, device: 'cpu' }),
  });
  const glance = await both(productSizes.glance);
  return glance.cardMs > hopelessFactor * glance.cpuMs ? glance : both(productSizes.measure);
}

/** Four products in a row, and nothing but their sum comes back; the better of two runs. */
async function productMs(size: number, options: SessionOptions): Promise<number> {
  const g = new OnnxGraph();
  const dims = [size, size];
  const [x, w] = ['x', 'w'].map((name) => g.input(name, 'float', dims));
  const product = [0, 1, 2, 3].reduce((y) => g.matmul(y, w), x);
  g.output('y', g.reduceSum(product, [0, 1]), 'float', []);
  const session = await openSession(
    { model: g.encode(), inputs: g.usedInputs(), outputs: g.outputNames() },
    options,
  );
  const values = new Float32Array(size ** 2).fill(1 / size);
  const feeds = { x: floats(values, dims), w: floats(values, dims) };
  let best = Infinity;
  // The first builds the card's programs.
  for (let run = 0; run < 3; run++) {
    const startedAtMs = performance.now();
    await session.run(feeds);
    if (run > 0) best = Math.min(best, performance.now() - startedAtMs);
  }
  await session.release();
  return best;
}
