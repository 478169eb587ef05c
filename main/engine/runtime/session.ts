import * as ort from 'onnxruntime-node';
import { EngineError } from '../errors.ts';
import type { Program } from '../derive/emission.ts';
import type { Dtype, RawArray } from '../tensor/dtype.ts';

/** What goes into a session: float32, index or stored weight data with its dimensions. */
export interface Feed {
  readonly type: 'float32' | 'int64' | 'uint16' | 'float16' | 'int8';
  readonly data: Float32Array | BigInt64Array | Uint16Array | Int8Array;
  readonly dims: readonly number[];
}

/** A float32 result and its dimensions. */
export interface Result {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

export const floats = (data: Float32Array, dims: readonly number[]): Feed => ({
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
  /**
   * Whether the session keeps its peak of memory for the next run. Faster where one session runs for long; off where
   * a run holds several sessions, each of which would keep its own peak.
   */
  readonly arena?: boolean;
  /** Whether threads spin while they wait for work; scripts/bench/engine-rates.ts measures both. */
  readonly spinning?: boolean;
}

/** A program on a device. `run` blocks the JavaScript thread while it computes (ARCHITECTURE.md, Processes). */
export interface Session {
  readonly program: Program;
  run(feeds: Readonly<Record<string, Feed>>): Promise<Record<string, Result>>;
  release(): Promise<void>;
}

/** Opens a session on the CPU. */
export async function openSession(
  program: Program,
  { threads, arena = false, spinning = false }: SessionOptions,
): Promise<Session> {
  const session = await computing(() =>
    ort.InferenceSession.create(program.model, {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      enableCpuMemArena: arena,
      logSeverityLevel: 3,
      // Beside other programs, threads that spin while they wait gave 10 to 25 % less work per processor second.
      extra: { session: { 'intra_op.allow_spinning': spinning ? '1' : '0' } },
    }),
  );
  return {
    program,
    async run(feeds) {
      const tensors = Object.fromEntries(program.inputs.map((name) => [name, toTensor(name, feeds[name])]));
      const results = await computing(() => session.run(tensors));
      return Object.fromEntries(
        Object.entries(results).map(([name, tensor]) => [
          name,
          { data: tensor.data as Float32Array, dims: tensor.dims },
        ]),
      );
    },
    release: () => session.release(),
  };
}

function toTensor(name: string, feed: Feed | undefined): ort.Tensor {
  if (!feed) throw new EngineError('graph-invalid', `A session was not given its input "${name}".`);
  return new ort.Tensor(feed.type, feed.data, feed.dims);
}

async function computing<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const outOfMemory = /alloc|out of memory/i.test(reason);
    throw new EngineError(
      outOfMemory ? 'memory-exceeded' : 'compute-failed',
      `ONNX Runtime could not compute a step: ${reason}`,
      {},
      outOfMemory ? 'Set a smaller `memory` budget, or close other programs.' : undefined,
    );
  }
}
