import { rowsOf, type Batch } from './batch.ts';
import { LayerCache } from './layer-cache.ts';
import type { MemoryPlan } from './memory-plan.ts';
import type { Network } from './network.ts';
import type { Pace } from './pace.ts';
import { numbers, OnCard, transfer, type Values } from './session.ts';

/** More tokens of a prompt at once no longer make the matrix products faster. */
const mostChunkTokens = 512;

/** Float32 arrays of a weight a head for each pair of positions that a forward of attention holds at once. */
const liveAttentionArrays = 3;

/** Rows of tokens that grow together: each layer keeps what it has computed of the earlier ones. */
export class Decoder {
  private readonly caches: readonly LayerCache[];

  constructor(
    private readonly network: Network,
    private readonly rows: number,
    private readonly memory: MemoryPlan,
  ) {
    this.caches = Array.from({ length: network.layerCount }, () => new LayerCache());
  }

  /** Tokens a row so far. */
  get length(): number {
    return this.caches[0].length;
  }

  /**
   * Adds `ids` [rows, n] and gives the logits after the last of them. [rows, vocabulary]
   * Layer by layer, so that a streamed weight is read once; long prompts go through a layer in pieces.
   */
  async advance(ids: Int32Array, pace: Pace): Promise<Float32Array> {
    if (this.readsTokens)
      this.rowsSoFar = rowsOf(this.batchOf(ids)).map((row, i) => joined(this.rowsSoFar[i], row));
    const batches = this.cut(ids);
    this.network.prefetchLayer(0);
    let hidden: Values[] = [];
    for (const batch of batches) hidden.push(await this.network.embed(batch));
    for (let layer = 0; layer < this.network.layerCount; layer++) {
      hidden = await this.advanceLayer(layer, batches, hidden, pace);
      pace.report((layer + 1) / this.network.layerCount);
    }
    const [last, x] = [batches[batches.length - 1], hidden[hidden.length - 1]];
    const one = { rows: this.rows, length: 1, ids: new Int32Array(this.rows) };
    const { data } = await this.network.logits(await this.lastPositions(x, last), one);
    return data;
  }

  private async advanceLayer(
    layer: number,
    batches: readonly Batch[],
    hidden: readonly Values[],
    pace: Pace,
  ): Promise<Values[]> {
    const weights = await this.network.takeLayer(layer);
    this.network.prefetchLayer((layer + 1) % this.network.layerCount);
    const cache = this.caches[layer];
    const results: Values[] = [];
    for (const [i, batch] of batches.entries()) {
      const side = this.side({ start: cache.length, length: batch.length, slots: cache.slots });
      const x = hidden[i];
      results.push(await this.network.continueLayer(layer, weights, x, batch, side, cache));
      if (x instanceof OnCard) x.dispose();
      await pace.breathe();
    }
    return results;
  }

  /** Token ids of each row, where what blocks read beside hidden states depends on them. */
  private rowsSoFar: readonly Int32Array[] = [];

  private get readsTokens(): boolean {
    return this.network.model.family.readsTokens === true;
  }

  private batchOf(ids: Int32Array): Batch {
    return { rows: this.rows, length: ids.length / this.rows, ids };
  }

  private lastSide: { key: string; feeds: ReturnType<Network['sideFeeds']> } | undefined;

  /** All layers read the same. */
  private side(positions: {
    start: number;
    length: number;
    slots: number;
  }): ReturnType<Network['sideFeeds']> {
    const key = `${positions.start} ${positions.length} ${positions.slots}`;
    if (this.lastSide?.key !== key) {
      const tokens = this.readsTokens ? { rows: this.rowsSoFar } : {};
      this.lastSide = { key, feeds: this.network.sideFeeds({ ...positions, ...tokens }) };
    }
    return this.lastSide.feeds;
  }

  private cut(ids: Int32Array): Batch[] {
    const length = ids.length / this.rows;
    // A prompt whose tokens see each other cannot be cut.
    const step = this.readsTokens ? length : this.chunkLength(length);
    const batches: Batch[] = [];
    for (let from = 0; from < length; from += step) {
      const to = Math.min(length, from + step);
      const part = new Int32Array(this.rows * (to - from));
      for (let row = 0; row < this.rows; row++) {
        part.set(ids.subarray(row * length + from, row * length + to), row * (to - from));
      }
      batches.push({ rows: this.rows, length: to - from, ids: part });
    }
    return batches;
  }

  /** Positions that go through a layer together: as many as attention has room for in a quarter of the budget. */
  private chunkLength(length: number): number {
    const heads = Math.max(...this.network.model.config.layers.map((layer) => layer.heads));
    const bytesPerPosition = 4 * liveAttentionArrays * this.rows * heads * (this.length + length);
    const fitting = Math.min(
      this.memory.budgetBytes / 4 / bytesPerPosition,
      this.memory.batchTokens / this.rows,
    );
    return Math.max(1, Math.min(mostChunkTokens, Math.floor(fitting)));
  }

  /** [rows, length, hidden] to [rows, 1, hidden]. */
  private async lastPositions(x: Values, { rows, length }: Batch): Promise<Values> {
    if (length === 1) return x;
    const { hiddenSize } = this.network.model.config;
    const all = numbers(x instanceof OnCard ? await transfer(x, [rows, length, hiddenSize], 'memory') : x);
    const last = new Float32Array(rows * hiddenSize);
    for (let row = 0; row < rows; row++) {
      const end = (row + 1) * length * hiddenSize;
      last.set(all.subarray(end - hiddenSize, end), row * hiddenSize);
    }
    return last;
  }
}

function joined(before: Int32Array | undefined, after: Int32Array): Int32Array {
  return Int32Array.of(...(before ?? []), ...after);
}
