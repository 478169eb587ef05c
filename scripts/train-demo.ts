/**
 * Trains the demo model from nothing, with the engine's own training: npm run train:demo -- --text FILE.
 * The text is the training split that scripts/demo/build-text.ts writes; see resources/demo/README.md. Beside the
 * model it writes training.json: the loss on training and held-out text as it fell.
 */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { writeFileAtomic } from '../main/engine/checkpoint/atomic-file.ts';
import { writeCheckpoint } from '../main/engine/checkpoint/write-checkpoint.ts';
import { readModelConfig } from '../main/engine/families/index.ts';
import { cosineSchedule } from '../main/engine/recover/schedule.ts';
import { FullTraining } from '../main/engine/recover/full-training.ts';
import type { Batch } from '../main/engine/runtime/batch.ts';
import { fromFloat32 } from '../main/engine/tensor/half.ts';
import { RandomStream } from '../main/engine/tensor/random.ts';
import { loadTokenizer } from '../main/engine/tokenizer/tokenizer.ts';

const { values: args } = parseArgs({
  options: {
    text: { type: 'string' },
    model: { type: 'string', default: 'resources/demo/model' },
    steps: { type: 'string', default: '1800' },
    rows: { type: 'string', default: '16' },
    length: { type: 'string', default: '128' },
    rate: { type: 'string', default: '0.004' },
    seed: { type: 'string', default: '1' },
    heldout: { type: 'string', default: 'resources/demo/heldout.txt' },
  },
});

/** 2.9 million parameters, ten heads a layer: small enough for the repository, and 20 % can be removed in whole heads. */
const config = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: 2048,
  hidden_size: 160,
  intermediate_size: 448,
  num_hidden_layers: 8,
  num_attention_heads: 10,
  num_key_value_heads: 10,
  head_dim: 16,
  hidden_act: 'silu',
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: true,
  attention_bias: false,
  mlp_bias: false,
  bos_token_id: 0,
  eos_token_id: 0,
  torch_dtype: 'bfloat16',
};

/** Steps between two points of the curve in training.json. */
const reportEvery = 200;
/** The part of the steps over which the learning rate falls; in the rest it stays at its floor. */
const plateauFrom = 0.8;

await train();

async function train(): Promise<void> {
  if (!args.text)
    throw new Error('Name the training text: --text FILE (resources/demo/README.md says how to make it).');
  const [steps, rows, length, seed] = [args.steps, args.rows, args.length, args.seed].map(Number);
  const tokenizer = await loadTokenizer(args.model);
  const tokens = Int32Array.from(tokenizer.encode(await readFile(args.text, 'utf8')));
  const described = readModelConfig(config);
  const training = await FullTraining.start(described.family, described.config, {
    beta1: 0.9,
    beta2: 0.95,
    eps: 1e-8,
    weightDecay: 0.1,
    maxGradientNorm: 1,
    seed,
    threads: availableParallelism(),
  });
  const batches = trainingBatches(tokens, rows, length, seed);
  const heldout = heldoutBatches(
    Int32Array.from(tokenizer.encode(await readFile(args.heldout, 'utf8'))),
    rows,
    length,
  );
  const schedule = {
    peak: Number(args.rate),
    warmupSteps: 100,
    // The last fifth stays at the floor, to show that nothing is left to gain.
    totalSteps: Math.round(steps * plateauFrom),
    floor: 0.01,
  };
  const curve: CurvePoint[] = [];
  let recent = 0;
  for (let step = 1; step <= steps; step++) {
    recent += (await training.train(batches(step - 1), cosineSchedule(step - 1, schedule))).loss;
    if (step % reportEvery !== 0) continue;
    const point = {
      step,
      trainingLoss: recent / reportEvery,
      heldoutLoss: await meanLoss(training, heldout),
    };
    curve.push(point);
    recent = 0;
    console.log(`${JSON.stringify(point)} ${new Date().toISOString()}`);
  }
  await save(training);
  await writeFileAtomic(
    `${args.model}/training.json`,
    `${JSON.stringify({ steps, rows, length, rate: Number(args.rate), seed, tokens: tokens.length, curve }, null, 2)}\n`,
  );
  await training.release();
}

interface CurvePoint {
  readonly step: number;
  /** Mean over the steps since the point before. */
  readonly trainingLoss: number;
  readonly heldoutLoss: number;
}

/** Whole batches of consecutive windows; what does not fill one is left out. */
function heldoutBatches(tokens: Int32Array, rows: number, length: number): Batch[] {
  const size = rows * length;
  return Array.from({ length: Math.floor(tokens.length / size) }, (_, i) => ({
    rows,
    length,
    ids: tokens.slice(i * size, (i + 1) * size),
  }));
}

async function meanLoss(training: FullTraining, batches: readonly Batch[]): Promise<number> {
  let total = 0;
  for (const batch of batches) total += await training.loss(batch);
  return total / batches.length;
}

/** Windows of `length` tokens; each epoch cuts the text at another offset and takes the windows in another order. */
function trainingBatches(
  tokens: Int32Array,
  rows: number,
  length: number,
  seed: number,
): (step: number) => Batch {
  const stepsPerEpoch = Math.floor((Math.floor(tokens.length / length) - 1) / rows);
  let epoch = -1;
  let order: number[] = [];
  let offset = 0;
  return (step) => {
    const wanted = Math.floor(step / stepsPerEpoch);
    if (wanted !== epoch) {
      const random = new RandomStream(seed, 'data-order', wanted);
      offset = random.below(length);
      order = random.permutation(stepsPerEpoch * rows);
      epoch = wanted;
    }
    const first = (step % stepsPerEpoch) * rows;
    const ids = new Int32Array(rows * length);
    for (let row = 0; row < rows; row++) {
      const start = offset + order[first + row] * length;
      ids.set(tokens.subarray(start, start + length), row * length);
    }
    return { rows, length, ids };
  };
}

async function save(training: FullTraining): Promise<void> {
  await writeFileAtomic(`${args.model}/config.json`, `${JSON.stringify(config, null, 2)}\n`);
  const tensors = training.parameters.map(({ name, values, shape }) => {
    const data = fromFloat32(values, 'BF16');
    return {
      name,
      dtype: 'BF16' as const,
      shape,
      data: async function* () {
        yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      },
    };
  });
  await writeCheckpoint(args.model, tensors);
}
