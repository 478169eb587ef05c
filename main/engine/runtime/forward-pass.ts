import type { ActivationStore } from './activation-store.ts';
import type { Batch } from './batch.ts';
import type { Network } from './network.ts';
import type { Pace } from './pace.ts';

/** Key of a batch's hidden states before a layer; those after the last layer are before the head. */
export const hiddenKey = (layer: number, batch: number): string => `hidden ${layer} ${batch}`;

/**
 * Brings every batch through embedding and layers, one layer after the other, so that each layer's weights are read
 * once. Hidden states before the head lie in the store afterwards; with `keepInputs` each layer's input as well.
 */
export async function forwardPass(
  network: Network,
  batches: readonly Batch[],
  store: ActivationStore,
  pace: Pace,
  keepInputs: boolean,
): Promise<void> {
  network.prefetchLayer(0);
  for (const [i, batch] of batches.entries()) await store.put(hiddenKey(0, i), await network.embed(batch));
  for (let layer = 0; layer < network.layerCount; layer++) {
    const weights = await network.takeLayer(layer);
    network.prefetchLayer(layer + 1);
    for (const [i, batch] of batches.entries()) {
      const x = await store.get(hiddenKey(layer, i));
      await store.put(hiddenKey(layer + 1, i), await network.forwardLayer(layer, weights, x, batch));
      if (!keepInputs) store.drop(hiddenKey(layer, i));
      await pace.breathe();
    }
    pace.report((layer + 1) / network.layerCount);
  }
}
