import { defineCriterion } from './criterion.ts';

/** Σ |w·∂L/∂w| over one row or column: LLM-Pruner, element-wise, first order (section 3.2, equation 5). */
export const taylorElement1 = defineCriterion({
  kind: 'weight',
  id: 'taylor-element1',
  title: 'Taylor, element-wise, first order: the sum of each weight’s own effect on the loss',
  statistics: ['gradient'],
  salience: (g, weight, of) => g.abs(g.mul(weight, of('gradient'))),
  score: (sum) => sum,
});
