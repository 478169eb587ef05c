import { defineCriterion } from './criterion.ts';

/** Σ w²·F over one row or column, F the diagonal Fisher: LLM-Pruner, element-wise, second order (section 3.2, equation 5). */
export const taylorElement2 = defineCriterion({
  kind: 'weight',
  id: 'taylor-element2',
  title: 'Taylor, element-wise, second order: how sharply the loss bends along each weight',
  statistics: ['fisher'],
  salience: (g, weight, of) => g.mul(g.mul(weight, of('fisher')), weight),
  score: (sum) => sum,
});
