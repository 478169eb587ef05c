import { defineCriterion } from './criterion.ts';

/** Σ w² over one row or column; no root is taken (docs/method.md, Scores). */
export const magnitudeL2 = defineCriterion({
  kind: 'weight',
  id: 'magnitude-l2',
  title: 'Magnitude, L2: the sum of squared weights; needs no data',
  statistics: [],
  salience: (g, weight) => g.mul(weight, weight),
  score: (sum) => sum,
});
