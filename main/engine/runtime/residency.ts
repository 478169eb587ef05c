import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { ParamType } from '../derive/emission.ts';
import { toFloat32 } from '../tensor/half.ts';
import type { DeviceKind } from './device.ts';
import { floats, OnCard, transfer, weightFeed, type Feed } from './session.ts';

/** Where a run's weights live between uses: nowhere, in memory, or in the memory of a graphics card. */
export const residencies = ['stream', 'ram', 'card'] as const;
export type Residency = (typeof residencies)[number];

/** Hands out weights for computing; where they come from is its own affair. */
export interface WeightStore {
  readonly residency: Residency;
  /** The type in which a weight is handed out. */
  dtypeOf(name: string): ParamType;
  /** The weights as session feeds, under the names asked for; scales of 8-bit rows under names of their own. */
  take(names: readonly string[]): Promise<Record<string, Feed>>;
  /** Starts reading weights that will be taken next, so that the disk works while the processor computes. */
  prefetch(names: readonly string[]): void;
  /** Gives back what it keeps; nothing can be taken afterwards, and nothing taken may be used. */
  release(): void;
}

/** How weights are read: the type in which each goes into a session, and what it goes in by. */
export interface WeightReader {
  dtypeOf(name: string): ParamType;
  read(name: string): Promise<Readonly<Record<string, Feed>>>;
}

/** Weights as they lie in the checkpoint. */
export function readStored(checkpoint: Checkpoint): WeightReader {
  return {
    dtypeOf: (name) => checkpoint.info(name).dtype,
    async read(name) {
      const { dtype, shape } = checkpoint.info(name);
      return { [name]: weightFeed(await checkpoint.read(name), dtype, shape) };
    },
  };
}

/** Weights as float32: for a card, which has no bfloat16, and where they are kept and used for a token at a time. */
export function readFloat32(checkpoint: Checkpoint): WeightReader {
  return {
    dtypeOf: () => 'F32',
    async read(name) {
      const { dtype, shape } = checkpoint.info(name);
      return { [name]: floats(toFloat32(await checkpoint.read(name), dtype), shape) };
    },
  };
}

/**
 * `stream` forgets a weight as soon as it is taken, so that at most what is computed with and what was prefetched
 * is in memory; `ram` keeps every weight once read, `card` in the memory of the card.
 */
export function openWeightStore(
  checkpoint: Checkpoint,
  residency: Residency,
  device: DeviceKind = 'cpu',
  reader: WeightReader = device === 'webgpu' ? readFloat32(checkpoint) : readStored(checkpoint),
): WeightStore {
  return residency === 'card' ? cardStore(reader) : hostStore(reader, residency);
}

function hostStore(reader: WeightReader, residency: 'stream' | 'ram'): WeightStore {
  const { read, forget } = keptReads(reader);
  return {
    residency,
    dtypeOf: (name) => reader.dtypeOf(name),
    async take(names) {
      const feeds = await Promise.all(names.map(read));
      if (residency === 'stream') names.forEach(forget);
      return Object.assign({}, ...feeds) as Record<string, Feed>;
    },
    prefetch(names) {
      // A failed read is reported by the take that wants it.
      for (const name of names) read(name).catch(() => undefined);
    },
    release() {},
  };
}

function cardStore(reader: WeightReader): WeightStore {
  const { read, forget } = keptReads(reader);
  const onCard = new Map<string, Feed>();
  const send = async (name: string): Promise<Feed> => {
    const known = onCard.get(name);
    if (known) return known;
    const { [name]: stored } = await read(name);
    const { data, dims } = stored;
    const feed = floats(await transfer(data as Float32Array, dims, 'card'), dims);
    onCard.set(name, feed);
    forget(name);
    return feed;
  };
  return {
    residency: 'card',
    dtypeOf: (name) => reader.dtypeOf(name),
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
function keptReads(reader: WeightReader): {
  read: WeightReader['read'];
  forget: (name: string) => void;
} {
  const reading = new Map<string, ReturnType<WeightReader['read']>>();
  return {
    read: (name) => {
      const feeds = reading.get(name) ?? reader.read(name);
      reading.set(name, feeds);
      return feeds;
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
