import type { ActivationStore } from './activation-store.ts';
import type { Batch } from './batch.ts';
import type { Network } from './network.ts';
import type { Pace } from './pace.ts';
import type { Feed } from './session.ts';

/** Key of a batch's hidden states before a layer; those after the last layer are before the head. */
export const hiddenKey = (layer: number, batch: number): string => `hidden ${layer} ${batch}`;

/** What a layer is fed for one batch beside its weights: dropout masks. */
export type LayerFeeds<B extends Batch> = (layer: number, batch: B) => Readonly<Record<string, Feed>>;

/**
 * Brings every batch through embedding and layers, one layer after the other, so that each layer's weights are read
 * once. Hidden states before the head lie in the store afterwards; with `keepInputs` each layer's input as well.
 */
export async function forwardPass<B extends Batch>(
  network: Network,
  batches: readonly B[],
  store: ActivationStore,
  pace: Pace,
  keepInputs: boolean,
  feeds: LayerFeeds<B> = () => ({}),
): Promise<void> {
  network.prefetchLayer(0);
  for (const [i, batch] of batches.entries()) await store.put(hiddenKey(0, i), await network.embed(batch));
  for (let layer = 0; layer < network.layerCount; layer++) {
    const weights = await network.takeLayer(layer);
    network.prefetchLayer(layer + 1);
    for (const [i, batch] of batches.entries()) {
      const x = await store.get(hiddenKey(layer, i));
      const fed = { ...weights, ...feeds(layer, batch) };
      await store.put(hiddenKey(layer + 1, i), await network.forwardLayer(layer, fed, x, batch));
      if (!keepInputs) store.drop(hiddenKey(layer, i));
      await pace.breathe();
    }
    pace.report((layer + 1) / network.layerCount);
  }
}
