import type { TensorInfo } from '../checkpoint/checkpoint.ts';
import type { TensorSource } from '../checkpoint/write-checkpoint.ts';
import { adapterScale, downName, upName, type Adaptation } from '../derive/lora.ts';
import type { Program } from '../derive/emission.ts';
import { inputTypeOf, OnnxGraph } from '../onnx/onnx-graph.ts';
import type { Model } from '../runtime/model.ts';
import { modelGraph } from '../runtime/model-graph.ts';
import { floats, openSession, weightFeed, type Session, type SessionOptions } from '../runtime/session.ts';
import type { Dtype } from '../tensor/dtype.ts';
import { fromFloat32 } from '../tensor/half.ts';
import type { AdapterMatrix } from './adapter.ts';

/** Float32 of the rows that are merged at once. */
const mergeBlockBytes = 32 * 2 ** 20;

/** An adapter's matrices for one weight. */
interface WeightAdapter {
  readonly down: AdapterMatrix;
  readonly up: AdapterMatrix;
}

/**
 * A model's weights with an adapter added to them, W + alpha/rank · B·A, in the order of the network: computed in
 * float32 a block of rows at a time, and rounded once to the weight's own element type.
 */
export class MergedWeights {
  private readonly sessions = new Map<Dtype, Promise<Session>>();
  private readonly matrices: ReadonlyMap<string, AdapterMatrix>;

  constructor(
    private readonly model: Model,
    adapter: readonly AdapterMatrix[],
    private readonly adaptation: Adaptation,
    private readonly options: SessionOptions,
  ) {
    this.matrices = new Map(adapter.map((matrix) => [matrix.name, matrix]));
  }

  tensors(): TensorSource[] {
    const { family, config, checkpoint } = this.model;
    return [...modelGraph(family, config).graph.params.keys()].map((name) => {
      const info = checkpoint.info(name);
      const { dtype, shape } = info;
      return { name, dtype, shape, data: () => this.blocks(info, this.adapterOf(name)) };
    });
  }

  async release(): Promise<void> {
    for (const session of this.sessions.values()) await (await session).release();
    this.sessions.clear();
  }

  private adapterOf(weight: string): WeightAdapter | undefined {
    const module = weight.replace(/\.weight$/, '');
    const down = this.matrices.get(downName(module));
    const up = this.matrices.get(upName(module));
    return down && up && { down, up };
  }

  private async *blocks(info: TensorInfo, adapter: WeightAdapter | undefined): AsyncIterable<Uint8Array> {
    const [rowCount = 1, ...rest] = info.shape;
    const columnCount = rest.reduce((a, b) => a * b, 1);
    const most = Math.max(1, Math.floor(mergeBlockBytes / (4 * columnCount)));
    for (let from = 0; from < rowCount; from += most) {
      const to = Math.min(rowCount, from + most);
      const stored = await this.model.checkpoint.readRows(info.name, from, to);
      if (!adapter) {
        yield new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
        continue;
      }
      const rank = this.adaptation.rank;
      const session = await this.session(info.dtype);
      const { merged } = await session.run({
        weight: weightFeed(stored, info.dtype, [to - from, columnCount]),
        up: floats(adapter.up.values.subarray(from * rank, to * rank), [to - from, rank]),
        down: floats(adapter.down.values, adapter.down.shape),
      });
      const rounded = fromFloat32(merged.data, info.dtype);
      yield new Uint8Array(rounded.buffer, rounded.byteOffset, rounded.byteLength);
    }
  }

  private session(dtype: Dtype): Promise<Session> {
    const known = this.sessions.get(dtype);
    if (known) return known;
    const opened = openSession(mergeProgram(dtype, adapterScale(this.adaptation)), this.options);
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
