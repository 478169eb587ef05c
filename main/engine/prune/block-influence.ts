import { EngineError } from '../errors.ts';
import type { ActivationStore } from '../runtime/activation-store.ts';
import { packBatches } from '../runtime/batch.ts';
import { hiddenKey } from '../runtime/forward-pass.ts';
import type { Network } from '../runtime/network.ts';
import type { Pace } from '../runtime/pace.ts';
import { inMemory } from '../runtime/session.ts';

/** How much a layer changes what goes through it. */
export interface LayerInfluence {
  readonly layer: number;
  /** 1 - mean cosine between the hidden states before and behind the layer; 0 for one that changes only their length. */
  readonly influence: number;
}

/**
 * Block influence of every layer (ShortGPT, arXiv 2403.03853, equation 1): one forward pass, the mean over all tokens.
 * @param rows Token ids of the calibration set.
 * @throws EngineError text-empty where there are none.
 */
export async function blockInfluences(
  network: Network,
  {
    rows,
    batchTokens,
    store,
    pace,
  }: {
    readonly rows: readonly ArrayLike<number>[];
    readonly batchTokens: number;
    readonly store: ActivationStore;
    readonly pace: Pace;
  },
): Promise<LayerInfluence[]> {
  const batches = packBatches(rows, batchTokens);
  const tokens = batches.reduce((sum, batch) => sum + batch.rows * batch.length, 0);
  if (tokens === 0) {
    throw new EngineError(
      'text-empty',
      'The influence of layers is measured on calibration data, and there are no tokens.',
      { rows: rows.length },
      'Name a text in calibration.source.',
    );
  }
  const { hiddenSize } = network.model.config;
  const influences: LayerInfluence[] = [];
  network.prefetchLayer(0);
  for (const [i, batch] of batches.entries()) await store.put(hiddenKey(0, i), await network.embed(batch));
  for (let layer = 0; layer < network.layerCount; layer++) {
    const weights = await network.takeLayer(layer);
    network.prefetchLayer(layer + 1);
    let cosines = 0;
    for (const [i, batch] of batches.entries()) {
      const before = await store.get(hiddenKey(layer, i));
      const behind = await network.forwardLayer(layer, weights, before, batch);
      cosines += sumOfCosines(await inMemory(before), await inMemory(behind), hiddenSize);
      await store.put(hiddenKey(layer + 1, i), behind);
      store.drop(hiddenKey(layer, i));
      await pace.breathe();
    }
    influences.push({ layer, influence: 1 - cosines / tokens });
    pace.report((layer + 1) / network.layerCount);
  }
  return influences;
}

/** Of the rows of two matrices, in float64. [tokens, width] each; a row of zeros has none in common with any. */
function sumOfCosines(a: Float32Array, b: Float32Array, width: number): number {
  let sum = 0;
  for (let row = 0; row < a.length; row += width) {
    let [product, lengthA, lengthB] = [0, 0, 0];
    for (let i = row; i < row + width; i++) {
      product += a[i] * b[i];
      lengthA += a[i] * a[i];
      lengthB += b[i] * b[i];
    }
    if (lengthA > 0 && lengthB > 0) sum += product / Math.sqrt(lengthA * lengthB);
  }
  return sum;
}
