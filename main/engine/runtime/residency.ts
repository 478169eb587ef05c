import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { weightFeed, type Feed } from './session.ts';

/** Where a run's weights live between uses. */
export type Residency = 'stream' | 'ram';

/** Hands out weights for computing; where they come from is its own affair. */
export interface WeightStore {
  readonly residency: Residency;
  /** The weights as session feeds, under the names asked for. */
  take(names: readonly string[]): Promise<Record<string, Feed>>;
  /** Starts reading weights that will be taken next, so that the disk works while the processor computes. */
  prefetch(names: readonly string[]): void;
}

/**
 * `stream` forgets a weight as soon as it is taken, so that at most what is computed with and what was prefetched
 * is in memory; `ram` keeps every weight once read.
 */
export function openWeightStore(checkpoint: Checkpoint, residency: Residency): WeightStore {
  const reading = new Map<string, Promise<Feed>>();
  const read = (name: string): Promise<Feed> => {
    const known = reading.get(name);
    if (known) return known;
    const { dtype, shape } = checkpoint.info(name);
    const feed = checkpoint.read(name).then((data) => weightFeed(data, dtype, shape));
    reading.set(name, feed);
    return feed;
  };
  return {
    residency,
    async take(names) {
      const feeds = await Promise.all(names.map(read));
      if (residency === 'stream') names.forEach((name) => reading.delete(name));
      return Object.fromEntries(names.map((name, i) => [name, feeds[i]]));
    },
    prefetch(names) {
      // A failed read is reported by the take that wants it.
      for (const name of names) read(name).catch(() => undefined);
    },
  };
}

/** Weights stay in memory where they take at most half of the budget; the rest is for activations and the engine. */
export function chooseResidency(weightBytes: number, budgetBytes: number): Residency {
  return weightBytes <= budgetBytes / 2 ? 'ram' : 'stream';
}
