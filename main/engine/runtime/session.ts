import * as ort from 'onnxruntime-node';
import { EngineError } from '../errors.ts';
import type { Program } from '../derive/emission.ts';
import { OnnxGraph } from '../onnx/onnx-graph.ts';
import type { Dtype, RawArray } from '../tensor/dtype.ts';
import type { DeviceKind } from './device.ts';

/** What goes into a session: float32, index or stored weight data with its dimensions. */
export interface Feed {
  readonly type: 'float32' | 'int64' | 'uint16' | 'float16' | 'int8';
  readonly data: Float32Array | BigInt64Array | Uint16Array | Int8Array | OnCard;
  readonly dims: readonly number[];
}

/** Float32 data in a card's memory, good for every session on that card until it is disposed of. */
export class OnCard {
  constructor(readonly tensor: ort.Tensor) {}

  get byteLength(): number {
    return 4 * this.tensor.size;
  }

  dispose(): void {
    this.tensor.dispose();
  }
}

/** Float32 data of one session for another, wherever it lies. */
export type Values = Float32Array | OnCard;

/** The numbers themselves, of data that no card was asked to keep. */
export function numbers(values: Values): Float32Array {
  if (values instanceof OnCard) throw new EngineError('graph-invalid', 'These numbers lie on a card.');
  return values;
}

/** A float32 result and its dimensions. */
export interface Result {
  /** Its numbers; only where it was not kept on a card. */
  readonly data: Float32Array;
  readonly values: Values;
  readonly dims: readonly number[];
}

export const floats = (data: Values, dims: readonly number[]): Feed => ({
  type: 'float32',
  data,
  dims,
});

export const indices = (values: ArrayLike<number>, dims: readonly number[]): Feed => ({
  type: 'int64',
  data: BigInt64Array.from(values as ArrayLike<number> & Iterable<number>, BigInt),
  dims,
});

/** A weight as it lies in the file; bfloat16 goes in as 16-bit words and is turned into numbers in the graph. */
export function weightFeed(data: RawArray, dtype: Dtype, dims: readonly number[]): Feed {
  const type = { F32: 'float32', F16: 'float16', BF16: 'uint16' } as const;
  return { type: type[dtype], data, dims };
}

export interface SessionOptions {
  readonly threads: number;
  /** The CPU where it is left out. */
  readonly device?: DeviceKind;
  /**
   * Whether the session keeps its peak of memory for the next run. Faster where one session runs for long; off where
   * a run holds several sessions, each of which would keep its own peak.
   */
  readonly arena?: boolean;
  /** Whether threads spin while they wait for work; scripts/bench/engine-rates.ts measures both. */
  readonly spinning?: boolean;
  /** Tells the results that only other sessions want: those of a card stay in its memory. None where it is left out. */
  readonly isPassedOn?: (output: string) => boolean;
  /** Where the session leaves a JSON of every operator it ran and on what; none where it is left out. */
  readonly profilePrefix?: string;
}

/** A program on a device. `run` blocks the JavaScript thread while it computes (ARCHITECTURE.md, Processes). */
export interface Session {
  readonly program: Program;
  run(feeds: Readonly<Record<string, Feed>>): Promise<Record<string, Result>>;
  release(): Promise<void>;
}

/**
 * Opens a session on the CPU or on a card.
 * @throws EngineError compute-failed, memory-exceeded, device-unavailable.
 */
export async function openSession(program: Program, options: SessionOptions): Promise<Session> {
  const { device = 'cpu', profilePrefix } = options;
  const session = await create(program, options);
  return {
    program,
    async run(feeds) {
      const tensors = Object.fromEntries(program.inputs.map((name) => [name, toTensor(name, feeds[name])]));
      const results = await computing(device, () => session.run(tensors));
      return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, resultOf(tensor)]));
    },
    async release() {
      if (profilePrefix !== undefined) session.endProfiling();
      await session.release();
    },
  };
}

/** Has ONNX Runtime tell on stderr which devices the machine has, once the first session is opened. */
export function announceDevices(): void {
  ort.env.logLevel = 'info';
}

function resultOf(tensor: ort.Tensor): Result {
  const values = tensor.location === 'gpu-buffer' ? new OnCard(tensor) : (tensor.data as Float32Array);
  return {
    values,
    dims: tensor.dims,
    get data() {
      return numbers(values);
    },
  };
}

const transfers = new Map<string, Promise<Session>>();

/**
 * Sends float32 values to the card or back: a session gives out what it is given, on the other side, as `getData()` of
 * a tensor on a card aborts the process in ONNX Runtime 1.30. These sessions stay open while the process lives: with
 * the last one the card would be let go, and memory given back after that ends the process.
 * @throws EngineError as openSession.
 */
export async function transfer(
  values: Values,
  dims: readonly number[],
  to: 'card' | 'memory',
): Promise<Values> {
  const key = `${to} ${dims.length}`;
  const session = transfers.get(key) ?? openTransfer(dims.length, to);
  transfers.set(key, session);
  return (await (await session).run({ x: floats(values, dims) })).y.values;
}

/** The numbers, brought from a card where they lie there. */
export async function inMemory(values: Values): Promise<Float32Array> {
  if (!(values instanceof OnCard)) return values;
  return numbers(await transfer(values, values.tensor.dims, 'memory'));
}

function openTransfer(rank: number, to: 'card' | 'memory'): Promise<Session> {
  const g = new OnnxGraph();
  const axes = Array.from({ length: rank }, (_, axis) => `d${axis}`);
  g.output('y', g.input('x', 'float', axes), 'float', axes);
  const program = { model: g.encode(), inputs: g.usedInputs(), outputs: g.outputNames() };
  return openSession(program, { threads: 1, device: 'webgpu', isPassedOn: () => to === 'card' });
}

function create(program: Program, options: SessionOptions): Promise<ort.InferenceSession> {
  const { threads, device = 'cpu', arena = false, spinning = false, isPassedOn, profilePrefix } = options;
  const kept = device === 'webgpu' && isPassedOn ? program.outputs.filter(isPassedOn) : [];
  return computing(device, () =>
    ort.InferenceSession.create(program.model, {
      executionProviders: [device],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      enableCpuMemArena: arena,
      logSeverityLevel: 3,
      preferredOutputLocation: Object.fromEntries(kept.map((name) => [name, 'gpu-buffer'])),
      ...(profilePrefix !== undefined && profiling(profilePrefix)),
      // Beside other programs, threads that spin while they wait gave 10 to 25 % less work per processor second.
      extra: { session: { 'intra_op.allow_spinning': spinning ? '1' : '0' } },
    }),
  );
}

let profileCount = 0;

/** ONNX Runtime tells files apart by the second alone. */
const profiling = (prefix: string): ort.InferenceSession.SessionOptions => ({
  enableProfiling: true,
  profileFilePrefix: `${prefix}-${profileCount++}`,
});

function toTensor(name: string, feed: Feed | undefined): ort.Tensor {
  if (!feed) throw new EngineError('graph-invalid', `A session was not given its input "${name}".`);
  return feed.data instanceof OnCard ? feed.data.tensor : new ort.Tensor(feed.type, feed.data, feed.dims);
}

async function computing<T>(device: DeviceKind, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw computeError(device, error instanceof Error ? error.message : String(error));
  }
}

function computeError(device: DeviceKind, reason: string): EngineError {
  const onCard = device === 'webgpu';
  if (onCard && /webgpu adapter|requestdevice|device (is|was) lost/i.test(reason)) {
    return new EngineError(
      'device-unavailable',
      `No graphics card could be used through WebGPU: ${lastSentence(reason)}`,
      { device },
      'Install or update the driver of the graphics card, or set `device: cpu`.',
    );
  }
  const outOfMemory = /alloc|out.of.(device.|host.)?memory/i.test(reason);
  const hint = onCard
    ? 'Set a smaller `memory` budget, so that weights are streamed to the card, or `device: cpu`.'
    : 'Set a smaller `memory` budget, or close other programs.';
  return new EngineError(
    outOfMemory ? 'memory-exceeded' : 'compute-failed',
    `ONNX Runtime could not compute a step: ${reason}`,
    {},
    outOfMemory ? hint : undefined,
  );
}

/** ONNX Runtime puts the place in its source and the condition before what it has to say. */
const lastSentence = (reason: string): string =>
  reason
    .slice(reason.lastIndexOf(' was false. ') + 1)
    .replace(/^was false\. /, '')
    .trim();
