import type { Program } from '../derive/emission.ts';
import { inputTypeOf, OnnxGraph } from '../onnx/onnx-graph.ts';
import type { Dtype, RawArray } from '../tensor/dtype.ts';
import { fromFloat32 } from '../tensor/half.ts';
import { floats, openSession, weightFeed, type Session, type SessionOptions } from './session.ts';

/** Float32 of the rows that are merged at once. */
export const mergeBlockBytes = 32 * 2 ** 20;

/** An adapter's matrices for rows of one weight [rows, in]. */
export interface RowsAdapter {
  /** A. [rank, in] */
  readonly down: Float32Array;
  /** B's rows for these rows. [rows, rank] */
  readonly up: Float32Array;
}

/**
 * Adds adapters to weights, W + alpha/rank · B·A: in float32, a block of rows at a time, rounded once to the weight's
 * own element type. Merged folders and adapters that are merged as they are read are made by it alike.
 */
export class WeightMerger {
  private readonly sessions = new Map<Dtype, Promise<Session>>();

  /** @param scale alpha / rank */
  constructor(
    private readonly scale: number,
    private readonly options: SessionOptions,
  ) {}

  /** Merges rows of `columns` elements each in place. @throws EngineError as openSession. */
  async merge(rows: RawArray, dtype: Dtype, columns: number, { down, up }: RowsAdapter): Promise<void> {
    const rank = down.length / columns;
    const rowCount = rows.length / columns;
    const session = await this.session(dtype);
    const most = Math.max(1, Math.floor(mergeBlockBytes / (4 * columns)));
    for (let from = 0; from < rowCount; from += most) {
      const to = Math.min(rowCount, from + most);
      const block = rows.subarray(from * columns, to * columns);
      const { merged } = await session.run({
        weight: weightFeed(block, dtype, [to - from, columns]),
        up: floats(up.subarray(from * rank, to * rank), [to - from, rank]),
        down: floats(down, [rank, columns]),
      });
      block.set(fromFloat32(merged.data, dtype));
    }
  }

  async release(): Promise<void> {
    for (const session of this.sessions.values()) await (await session).release();
    this.sessions.clear();
  }

  private session(dtype: Dtype): Promise<Session> {
    const known = this.sessions.get(dtype);
    if (known) return known;
    const opened = openSession(mergeProgram(dtype, this.scale), this.options);
    this.sessions.set(dtype, opened);
    return opened;
  }
}

/** weight [rows, in] + scale · up [rows, rank] · down [rank, in]. */
function mergeProgram(dtype: Dtype, scale: number): Program {
  const g = new OnnxGraph();
  const weight = g.toFloat(g.input('weight', inputTypeOf[dtype], ['rows', 'columns']), dtype);
  const up = g.input('up', 'float', ['rows', 'rank']);
  const down = g.input('down', 'float', ['rank', 'columns']);
  const product = g.mul(g.matmul(up, down), g.scalar(scale));
  g.output('merged', g.add(weight, product), 'float', ['rows', 'columns']);
  return { model: g.encode(), inputs: g.usedInputs(), outputs: g.outputNames() };
}
