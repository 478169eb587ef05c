import type { OnnxGraph, OnnxValue } from '../onnx/onnx-graph.ts';
import type { RandomStream } from '../tensor/random.ts';

/**
 * What a criterion may ask of the calibration set, an element for each of a weight: `gradient` is ∂L/∂w of the whole set's
 * mean loss; `fisher` the diagonal Fisher information, the mean over sequences of (∂L_j/∂w)², L_j a sequence's own mean loss.
 */
export type Statistic = 'gradient' | 'fisher';

/** Scores from weights, and from their statistics where it says so: salience is computed and summed in the graph. */
export interface WeightCriterion {
  readonly kind: 'weight';
  readonly id: string;
  /** One line for a person choosing. */
  readonly title: string;
  /** What it reads beside the weights; where it reads any, the run makes a backward pass over the calibration set. */
  readonly statistics: readonly Statistic[];
  /** Salience of each element of a block of weights; `of` gives the block of a statistic named above. [rows, columns] */
  readonly salience: (g: OnnxGraph, weight: OnnxValue, of: (statistic: Statistic) => OnnxValue) => OnnxValue;
  /** From the sum of a row's or column's salience to its score. */
  readonly score: (sum: number) => number;
}

/** Scores that no weight has a part in. */
export interface DrawnCriterion {
  readonly kind: 'drawn';
  readonly id: string;
  readonly title: string;
  /** The score of the next channel. */
  readonly draw: (random: RandomStream) => number;
}

export type Criterion = WeightCriterion | DrawnCriterion;

/** Whether a criterion reads calibration data. */
export const needsData = (criterion: Criterion): boolean =>
  criterion.kind === 'weight' && criterion.statistics.length > 0;

/** Gives a criterion's file its types; the registry is criteria/index.ts. */
export function defineCriterion<T extends Criterion>(criterion: T): T {
  return criterion;
}
