import type { TensorInfo } from '../checkpoint/checkpoint.ts';
import type { TensorSource } from '../checkpoint/write-checkpoint.ts';
import { adapterScale, downName, upName, type Adaptation } from '../derive/lora.ts';
import type { Model } from '../runtime/model.ts';
import { modelGraph } from '../runtime/model-graph.ts';
import type { SessionOptions } from '../runtime/session.ts';
import { mergeBlockBytes, WeightMerger } from '../runtime/weight-merger.ts';
import type { AdapterMatrix } from './adapter.ts';

/** An adapter's matrices for one weight. */
interface WeightAdapter {
  readonly down: AdapterMatrix;
  readonly up: AdapterMatrix;
}

/** A model's weights with an adapter added to them, in the order of the network, a block of rows at a time. */
export class MergedWeights {
  private readonly merger: WeightMerger;
  private readonly matrices: ReadonlyMap<string, AdapterMatrix>;

  constructor(
    private readonly model: Model,
    adapter: readonly AdapterMatrix[],
    private readonly adaptation: Adaptation,
    options: SessionOptions,
  ) {
    this.merger = new WeightMerger(adapterScale(adaptation), options);
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

  release(): Promise<void> {
    return this.merger.release();
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
      const rows = await this.model.checkpoint.readRows(info.name, from, to);
      if (adapter) {
        const { rank } = this.adaptation;
        const up = adapter.up.values.subarray(from * rank, to * rank);
        await this.merger.merge(rows, info.dtype, columnCount, { down: adapter.down.values, up });
      }
      yield new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength);
    }
  }
}
