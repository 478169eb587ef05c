import type { OnnxGraph, OnnxValue } from '../onnx/onnx-graph.ts';
import type { RandomStream } from '../tensor/random.ts';

/** Scores from weights, and from their gradients where it says so: salience is computed and summed in the graph. */
export interface WeightCriterion {
  readonly kind: 'weight';
  readonly id: string;
  /** One line for a person choosing. */
  readonly title: string;
  /** Whether the run must make a backward pass over the calibration set. */
  readonly needsGradient: boolean;
  /** Salience of each element of a block of weights; `gradient` is that of the whole calibration set. [rows, columns] */
  readonly salience: (g: OnnxGraph, operands: { weight: OnnxValue; gradient: OnnxValue }) => OnnxValue;
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

/** Gives a criterion's file its types; the registry is criteria/index.ts. */
export function defineCriterion<T extends Criterion>(criterion: T): T {
  return criterion;
}
