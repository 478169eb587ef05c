import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { weightFeed, type Feed } from './session.ts';

/** Where a run's weights live between uses. */
export type Residency = 'stream' | 'ram';

/** Hands out weights for computing; where they come from is its own affair. */
export interface WeightStore {
  readonly residency: Residency;
  /** Full names of the weights that are handed out as 8-bit rows, each with its scales beside it; none where left out. */
  readonly int8?: ReadonlySet<string>;
  /** The weights as session feeds, under the names asked for; scales of 8-bit rows under names of their own. */
  take(names: readonly string[]): Promise<Record<string, Feed>>;
  /** Starts reading weights that will be taken next, so that the disk works while the processor computes. */
  prefetch(names: readonly string[]): void;
}

/**
 * `stream` forgets a weight as soon as it is taken, so that at most what is computed with and what was prefetched
 * is in memory; `ram` keeps every weight once read.
 */
export function openWeightStore(
  checkpoint: Checkpoint,
  residency: Residency,
  readFeeds: WeightReader = readStored(checkpoint),
): WeightStore {
  const reading = new Map<string, ReturnType<WeightReader>>();
  const read = (name: string): ReturnType<WeightReader> => {
    const known = reading.get(name);
    if (known) return known;
    const feeds = readFeeds(name);
    reading.set(name, feeds);
    return feeds;
  };
  return {
    residency,
    async take(names) {
      const feeds = await Promise.all(names.map(read));
      if (residency === 'stream') names.forEach((name) => reading.delete(name));
      return Object.assign({}, ...feeds) as Record<string, Feed>;
    },
    prefetch(names) {
      // A failed read is reported by the take that wants it.
      for (const name of names) read(name).catch(() => undefined);
    },
  };
}

/** Reads one weight as the feeds that it goes into sessions by. */
export type WeightReader = (name: string) => Promise<Record<string, Feed>>;

/** Weights as they lie in the checkpoint. */
export function readStored(checkpoint: Checkpoint): WeightReader {
  return async (name) => {
    const { dtype, shape } = checkpoint.info(name);
    return { [name]: weightFeed(await checkpoint.read(name), dtype, shape) };
  };
}

/** Weights stay in memory where they take at most half of the budget; the rest is for activations and the engine. */
export function chooseResidency(weightBytes: number, budgetBytes: number): Residency {
  return weightBytes <= budgetBytes / 2 ? 'ram' : 'stream';
}
