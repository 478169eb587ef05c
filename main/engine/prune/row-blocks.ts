import type { Network } from '../runtime/network.ts';
import { floats, inMemory, weightFeed, type Feed, type Values } from '../runtime/session.ts';
import type { ActivationStore } from '../runtime/activation-store.ts';
import type { Batch } from '../runtime/batch.ts';
import type { Dtype } from '../tensor/dtype.ts';
import { toFloat32 } from '../tensor/half.ts';
import type { Contraction, MemberScorer, SalienceSums } from './member-scores.ts';

/** Rows [from, to) of a weight, read from the checkpoint; a vector is one row. */
export async function storedRows(
  { model: { checkpoint }, weights }: Network,
  name: string,
  from: number,
  to: number,
): Promise<{ feed: Feed; dtype: Dtype }> {
  const { dtype, shape } = checkpoint.info(name);
  const dims = shape.length === 1 ? [1, to - from] : [to - from, shape[1]];
  const rows = await checkpoint.readRows(name, from, to);
  if (weights.dtypeOf(name) === dtype) return { feed: weightFeed(rows, dtype, dims), dtype };
  return { feed: floats(toFloat32(rows, dtype), dims), dtype: 'F32' };
}

/**
 * What batches add to the gradient of a matrix with a row a token of the vocabulary, as large as a layer's weights
 * together: an embedding's part is ∂L/∂(the rows looked up), a head's dyᵀ·x, a tied one's both. It is kept and scored a
 * block of rows at a time, and no more of it is in memory at once.
 */
export class RowBlocks {
  private readonly keys = new Set<string>();
  private readonly products: { readonly x: string; readonly dy: readonly string[] }[] = [];
  private readonly lookups: string[] = [];

  constructor(
    readonly param: string,
    private readonly store: ActivationStore,
    private readonly batches: readonly Batch[],
    private readonly fisherWeights: readonly number[],
    private readonly blockRows: number,
  ) {}

  /** x [tokens, columns] and dy [tokens, rows] of a batch. */
  async keepProduct(batch: number, x: Values, dy: Values): Promise<void> {
    const tokens = this.tokensOf(batch);
    const whole = await inMemory(dy);
    const rowCount = whole.length / tokens;
    const blocks = Math.ceil(rowCount / this.blockRows);
    const keys = Array.from({ length: blocks }, (_, block) => `dy ${this.param} ${batch} ${block}`);
    for (const [block, key] of keys.entries()) {
      const from = block * this.blockRows;
      await this.put(key, columnsOf(whole, tokens, from, Math.min(rowCount, from + this.blockRows)));
    }
    this.products[batch] = { x: await this.put(`x ${this.param} ${batch}`, await inMemory(x)), dy: keys };
  }

  /** ∂L/∂(the rows looked up) for a batch. [tokens, columns] */
  async keepLookup(batch: number, dy: Values): Promise<void> {
    this.lookups[batch] = await this.put(`lookup ${this.param} ${batch}`, await inMemory(dy));
  }

  /** Salience summed over rows and columns, of the whole gradient. */
  async sums(network: Network, scorer: MemberScorer): Promise<SalienceSums> {
    const [rowCount, columnCount] = network.model.checkpoint.info(this.param).shape;
    const sums = { rows: new Float64Array(rowCount), columns: new Float64Array(columnCount) };
    for (let from = 0; from < rowCount; from += this.blockRows) {
      const to = Math.min(rowCount, from + this.blockRows);
      const contractions = scorer.needsStatistics ? this.contractions(from, to, columnCount) : [];
      // Rows of tokens that nothing was looked up for have no gradient, and no salience.
      if (scorer.needsStatistics && contractions.length === 0) continue;
      const { feed, dtype } = await storedRows(network, this.param, from, to);
      const found = await scorer.sums({ feed, dtype, contractions });
      sums.rows.set(found.rows, from);
      found.columns.forEach((sum, i) => {
        sums.columns[i] += sum;
      });
    }
    for (const key of this.keys) this.store.drop(key);
    return sums;
  }

  private contractions(from: number, to: number, columnCount: number): Contraction[] {
    return this.batches.flatMap(({ ids }, batch): Contraction[] => {
      const places = this.lookups[batch] === undefined ? [] : placesWithin(ids, from, to);
      const product = this.products[batch];
      const tokens = (product ? this.tokensOf(batch) : 0) + places.length;
      if (tokens === 0) return [];
      const read = async (): Promise<{ x: Values; dy: Values }> => {
        const parts = [
          ...(product ? [await this.product(product, from)] : []),
          ...(places.length > 0 ? [await this.lookup(batch, places, from, to, columnCount)] : []),
        ];
        return { x: joined(parts.map(({ x }) => x)), dy: joined(parts.map(({ dy }) => dy)) };
      };
      return [{ tokens, fisherWeight: this.fisherWeights[batch], read }];
    });
  }

  private async product(
    { x, dy }: (typeof this.products)[number],
    from: number,
  ): Promise<{ x: Float32Array; dy: Float32Array }> {
    return {
      x: await inMemory(await this.store.get(x)),
      dy: await inMemory(await this.store.get(dy[from / this.blockRows])),
    };
  }

  /** A lookup is a product with rows that have a one at their id. */
  private async lookup(
    batch: number,
    places: readonly number[],
    from: number,
    to: number,
    columnCount: number,
  ): Promise<{ x: Float32Array; dy: Float32Array }> {
    const whole = await inMemory(await this.store.get(this.lookups[batch]));
    const { ids } = this.batches[batch];
    const x = new Float32Array(places.length * columnCount);
    const dy = new Float32Array(places.length * (to - from));
    places.forEach((place, i) => {
      x.set(whole.subarray(place * columnCount, (place + 1) * columnCount), i * columnCount);
      dy[i * (to - from) + ids[place] - from] = 1;
    });
    return { x, dy };
  }

  private tokensOf(batch: number): number {
    return this.batches[batch].ids.length;
  }

  private async put(key: string, values: Float32Array): Promise<string> {
    this.keys.add(key);
    await this.store.put(key, values);
    return key;
  }
}

/** Columns [from, to) of a matrix of so many rows. */
function columnsOf(values: Float32Array, rowCount: number, from: number, to: number): Float32Array {
  const columnCount = values.length / rowCount;
  const columns = new Float32Array(rowCount * (to - from));
  for (let row = 0; row < rowCount; row++) {
    const start = row * columnCount;
    columns.set(values.subarray(start + from, start + to), row * (to - from));
  }
  return columns;
}

function placesWithin(ids: Int32Array, from: number, to: number): number[] {
  const places: number[] = [];
  ids.forEach((id, place) => {
    if (id >= from && id < to) places.push(place);
  });
  return places;
}

function joined(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0];
  const all = new Float32Array(parts.reduce((total, { length }) => total + length, 0));
  let end = 0;
  for (const part of parts) {
    all.set(part, end);
    end += part.length;
  }
  return all;
}
