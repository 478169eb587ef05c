import type { Criterion } from '../criteria/criterion.ts';
import { EngineError } from '../errors.ts';
import type { ActivationStore } from '../runtime/activation-store.ts';
import { packBatches, predictedTokens, type Batch } from '../runtime/batch.ts';
import { hiddenKey } from '../runtime/forward-pass.ts';
import { upstreamKey } from '../runtime/loss-gradients.ts';
import type { LayerWeights, Network, PartGradient, WantedGradients } from '../runtime/network.ts';
import type { Pace } from '../runtime/pace.ts';
import type { Values } from '../runtime/session.ts';
import type { Contraction } from './member-scores.ts';

/** What a backward pass over the calibration set works with. */
export interface PassTools {
  readonly store: ActivationStore;
  readonly pace: Pace;
}

/** The calibration set as it goes through the network. */
export interface CalibrationBatches {
  readonly batches: readonly Batch[];
  /** Tokens that the mean loss is taken over. */
  readonly predicted: number;
  /**
   * What the square of a batch's part of the gradient counts in the Fisher information, a batch being one sequence:
   * its own mean loss has (all predicted tokens / its own) times the gradient that it adds to the set's.
   */
  readonly fisherWeights: readonly number[];
}

/** @throws EngineError text-empty where there is nothing to predict. */
export function calibrationBatches({
  criterion,
  rows,
  learnt,
  batchTokens,
}: {
  readonly criterion: Criterion;
  readonly rows: readonly ArrayLike<number>[];
  readonly learnt?: readonly Uint8Array[] | undefined;
  readonly batchTokens: number;
}): CalibrationBatches {
  // The Fisher information is a mean over single sequences: each goes through alone.
  const isBySequence = criterion.kind === 'weight' && criterion.statistics.includes('fisher');
  const batches = packBatches(rows, isBySequence ? 1 : batchTokens, learnt);
  const own = batches.map(predictedTokens);
  const predicted = own.reduce((a, b) => a + b, 0);
  if (predicted === 0) {
    throw new EngineError(
      'text-empty',
      `The criterion ${criterion.id} needs calibration data, but there are no tokens to predict.`,
      { rows: rows.length },
      'Give calibration texts of at least two tokens.',
    );
  }
  const sequences = own.filter((tokens) => tokens > 0).length;
  const fisherWeights = own.map((tokens) => (tokens > 0 ? (predicted / tokens) ** 2 / sequences : 0));
  return { batches, predicted, fisherWeights };
}

/** Gradients of one part's parameters: what each batch adds to them, by parameter. */
export class PartGradients {
  readonly contractions = new Map<string, Contraction[]>();
  private readonly keys = new Set<string>();

  constructor(
    private readonly store: ActivationStore,
    private readonly fisherWeights: readonly number[],
  ) {}

  /** q, k and v share their x, which is kept once. */
  async keep(batch: number, tokens: number, gradient: PartGradient): Promise<void> {
    const keyOf = new Map<Values, string>();
    const keep = async (values: Values, key: string): Promise<string> => {
      const known = keyOf.get(values);
      if (known) return known;
      keyOf.set(values, key);
      this.keys.add(key);
      await this.store.put(key, values);
      return key;
    };
    for (const [param, { x, dy }] of gradient.contractions) {
      const keys = {
        x: await keep(x, `x ${param} ${batch}`),
        dy: await keep(dy, `dy ${param} ${batch}`),
      };
      this.add(param, batch, tokens, async () => ({
        x: await this.store.get(keys.x),
        dy: await this.store.get(keys.dy),
      }));
    }
    this.keepVectors(batch, gradient);
  }

  /** The gradient of a vector is a row, taken once. */
  keepVectors(batch: number, { params }: PartGradient): void {
    for (const [param, gradient] of params) {
      this.add(param, batch, 1, () => Promise.resolve({ x: gradient, dy: Float32Array.of(1) }));
    }
  }

  drop(): void {
    for (const key of this.keys) this.store.drop(key);
  }

  private add(param: string, batch: number, tokens: number, read: Contraction['read']): void {
    const known = this.contractions.get(param) ?? [];
    this.contractions.set(param, [...known, { tokens, fisherWeight: this.fisherWeights[batch], read }]);
  }
}

/** One layer back for every batch, from what came down to it to what goes on to the layer below. */
export async function backwardLayer(
  network: Network,
  layer: number,
  weights: LayerWeights,
  { batches, fisherWeights }: CalibrationBatches,
  wanted: WantedGradients,
  { store, pace }: PassTools,
): Promise<PartGradients> {
  const gradients = new PartGradients(store, fisherWeights);
  for (const [i, batch] of batches.entries()) {
    const x = await store.get(hiddenKey(layer, i));
    const upstream = await store.get(upstreamKey(i));
    const found = await network.backwardLayer(layer, weights, x, upstream, batch, wanted);
    store.drop(hiddenKey(layer, i));
    await store.put(upstreamKey(i), found.dx);
    await gradients.keep(i, batch.rows * batch.length, found);
    await pace.breathe();
  }
  return gradients;
}
