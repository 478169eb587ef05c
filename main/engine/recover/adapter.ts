import { AdaptedGraph, downName, upName, type Adaptation } from '../derive/lora.ts';
import { blockGraph } from '../runtime/model-graph.ts';
import type { DescribedModel } from '../runtime/model.ts';
import type { WeightStore } from '../runtime/residency.ts';
import { floats, type Feed } from '../runtime/session.ts';
import { RandomStream } from '../tensor/random.ts';

/** A matrix of an adapter, A [rank, in] or B [out, rank], under its full name; values change in place. */
export interface AdapterMatrix {
  readonly name: string;
  readonly shape: readonly [number, number];
  readonly values: Float32Array;
}

/** Names and shapes of an adapter's matrices, in the order of the network. */
export function adapterShapes(
  { family, config }: Pick<DescribedModel, 'family' | 'config'>,
  adaptation: Adaptation,
): Omit<AdapterMatrix, 'values'>[] {
  return config.layers.flatMap((shape, layer) => {
    const graph = new AdaptedGraph(adaptation);
    blockGraph(family, config, shape, graph);
    const prefix = family.layerPrefix(layer);
    return graph.adapted.flatMap(({ module, inSize, outSize }) => [
      { name: prefix + downName(module), shape: [adaptation.rank, inSize] as const },
      { name: prefix + upName(module), shape: [outSize, adaptation.rank] as const },
    ]);
  });
}

/** An adapter that changes nothing yet, as peft starts: A uniform in ±1/√in (Kaiming with a = √5), B zero. */
export function initialAdapter(
  model: Pick<DescribedModel, 'family' | 'config'>,
  adaptation: Adaptation,
  seed: number,
): AdapterMatrix[] {
  return adapterShapes(model, adaptation).map(({ name, shape }, i) => {
    const values = new Float32Array(shape[0] * shape[1]);
    if (!name.includes('.lora_A.')) return { name, shape, values };
    const random = new RandomStream(seed, 'adapter', i);
    const bound = 1 / Math.sqrt(shape[1]);
    for (let at = 0; at < values.length; at++) values[at] = bound * (2 * random.uniform() - 1);
    return { name, shape, values };
  });
}

/** A model's weights with an adapter's beside them; the adapter, which changes, stays in memory, wherever the weights come from. */
export function withAdapter(weights: WeightStore, adapter: readonly AdapterMatrix[]): WeightStore {
  const feeds = new Map<string, Feed>(
    adapter.map(({ name, values, shape }) => [name, floats(values, shape)]),
  );
  const fromModel = (names: readonly string[]): string[] => names.filter((name) => !feeds.has(name));
  return {
    ...weights,
    async take(names) {
      const taken = await weights.take(fromModel(names));
      const adapters = names.flatMap((name) => {
        const feed = feeds.get(name);
        return feed ? [[name, feed] as const] : [];
      });
      return { ...taken, ...Object.fromEntries(adapters) };
    },
    prefetch(names) {
      weights.prefetch(fromModel(names));
    },
  };
}
