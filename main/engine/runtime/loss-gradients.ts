import type { ActivationStore } from './activation-store.ts';
import { lossWeights, sumOfPredicted, type Batch } from './batch.ts';
import { hiddenKey } from './forward-pass.ts';
import type { Network, PartGradient, WantedGradients } from './network.ts';
import type { Pace } from './pace.ts';

/** Key of ∂L/∂(a batch's hidden states), between two layers. */
export const upstreamKey = (batch: number): string => `upstream ${batch}`;

/** Where gradients of the head may go as they come, batch by batch. */
export interface HeadGradients {
  readonly wanted: WantedGradients;
  /** Whether the hidden states before the head are to be read again. */
  readonly keepHidden: boolean;
  take(batch: number, gradient: PartGradient): Promise<void>;
}

/**
 * Puts ∂L/∂(hidden states before the head) into the store; returns the summed loss.
 * @param weight Of each predicted token's loss in L.
 */
export async function lossGradients(
  network: Network,
  batches: readonly Batch[],
  weight: number,
  { store, pace }: { readonly store: ActivationStore; readonly pace: Pace },
  head?: HeadGradients,
): Promise<number> {
  let total = 0;
  for (const [i, batch] of batches.entries()) {
    const key = hiddenKey(network.layerCount, i);
    const weights = lossWeights(batch, weight);
    const found = await network.lossesAndGradient(await store.get(key), batch, weights, head?.wanted);
    total += sumOfPredicted(found.losses, batch);
    if (!head?.keepHidden) store.drop(key);
    await store.put(upstreamKey(i), found.dx);
    await head?.take(i, found);
    await pace.breathe();
    pace.report((i + 1) / batches.length);
  }
  return total;
}
