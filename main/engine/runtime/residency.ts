import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { Dtype } from '../tensor/dtype.ts';
import { toFloat32 } from '../tensor/half.ts';
import type { DeviceKind } from './device.ts';
import { floats, OnCard, transfer, weightFeed, type Feed } from './session.ts';

/** Where a run's weights live between uses: nowhere, in memory, or in the memory of a graphics card. */
export const residencies = ['stream', 'ram', 'card'] as const;
export type Residency = (typeof residencies)[number];

/** Hands out weights for computing; where they come from is its own affair. */
export interface WeightStore {
  readonly residency: Residency;
  /** The element type in which a weight is handed out. */
  dtypeOf(name: string): Dtype;
  /** The weights as session feeds, under the names asked for. */
  take(names: readonly string[]): Promise<Record<string, Feed>>;
  /** Starts reading weights that will be taken next, so that the disk works while the processor computes. */
  prefetch(names: readonly string[]): void;
  /** Gives back what it keeps; nothing can be taken afterwards, and nothing taken may be used. */
  release(): void;
}

/**
 * `stream` forgets a weight as soon as it is taken, so that at most what is computed with and what was prefetched
 * is in memory; `ram` keeps every weight once read, `card` in the memory of the card. Weights for a card become
 * float32 before they are sent: it has no bfloat16.
 */
export function openWeightStore(
  checkpoint: Checkpoint,
  residency: Residency,
  device: DeviceKind = 'cpu',
): WeightStore {
  const dtypeOf = (name: string): Dtype => (device === 'webgpu' ? 'F32' : checkpoint.info(name).dtype);
  const readFeed = async (name: string): Promise<Feed> => {
    const { dtype, shape } = checkpoint.info(name);
    const data = await checkpoint.read(name);
    return device === 'webgpu' ? floats(toFloat32(data, dtype), shape) : weightFeed(data, dtype, shape);
  };
  return residency === 'card' ? cardStore(dtypeOf, readFeed) : hostStore(residency, dtypeOf, readFeed);
}

function hostStore(
  residency: 'stream' | 'ram',
  dtypeOf: (name: string) => Dtype,
  readFeed: (name: string) => Promise<Feed>,
): WeightStore {
  const { read, forget } = keptReads(readFeed);
  return {
    residency,
    dtypeOf,
    async take(names) {
      const feeds = await Promise.all(names.map(read));
      if (residency === 'stream') names.forEach(forget);
      return Object.fromEntries(names.map((name, i) => [name, feeds[i]]));
    },
    prefetch(names) {
      // A failed read is reported by the take that wants it.
      for (const name of names) read(name).catch(() => undefined);
    },
    release() {},
  };
}

function cardStore(dtypeOf: (name: string) => Dtype, readFeed: (name: string) => Promise<Feed>): WeightStore {
  const { read, forget } = keptReads(readFeed);
  const onCard = new Map<string, Feed>();
  const send = async (name: string): Promise<Feed> => {
    const known = onCard.get(name);
    if (known) return known;
    const { data, dims } = await read(name);
    const feed = floats(await transfer(data as Float32Array, dims, 'card'), dims);
    onCard.set(name, feed);
    forget(name);
    return feed;
  };
  return {
    residency: 'card',
    dtypeOf,
    async take(names) {
      const feeds: Record<string, Feed> = {};
      for (const name of names) feeds[name] = await send(name);
      return feeds;
    },
    prefetch(names) {
      for (const name of names) if (!onCard.has(name)) read(name).catch(() => undefined);
    },
    release() {
      for (const { data } of onCard.values()) if (data instanceof OnCard) data.dispose();
      onCard.clear();
    },
  };
}

/** Reads each weight once until it is forgotten. */
function keptReads(readFeed: (name: string) => Promise<Feed>): {
  read: (name: string) => Promise<Feed>;
  forget: (name: string) => void;
} {
  const reading = new Map<string, Promise<Feed>>();
  return {
    read: (name) => {
      const feed = reading.get(name) ?? readFeed(name);
      reading.set(name, feed);
      return feed;
    },
    forget: (name) => {
      reading.delete(name);
    },
  };
}

/**
 * Weights stay in the memory of the device where they take at most half of the budget; the rest is for activations
 * and the engine. ONNX Runtime does not tell how much memory a card has, so the budget stands for it.
 * @param weightBytes As they would be kept there.
 */
export function chooseResidency(weightBytes: number, budgetBytes: number, device: DeviceKind): Residency {
  if (weightBytes > budgetBytes / 2) return 'stream';
  return device === 'webgpu' ? 'card' : 'ram';
}
