import { defineCriterion } from './criterion.ts';

/** Σ |w| over one row or column; no root is taken (docs/method.md, Scores). */
export const magnitudeL1 = defineCriterion({
  kind: 'weight',
  id: 'magnitude-l1',
  title: 'Magnitude, L1: the sum of absolute weights; needs no data',
  statistics: [],
  salience: (g, weight) => g.abs(weight),
  score: (sum) => sum,
});
