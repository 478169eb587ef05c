import { defineCriterion } from './criterion.ts';

/** |Σ w·∂L/∂w| over one row or column: LLM-Pruner's "vector" (section 3.2, equation 3). */
export const taylorVector = defineCriterion({
  kind: 'weight',
  id: 'taylor-vector',
  title: 'Taylor, vector-wise: how much the loss changes when a whole row or column goes',
  statistics: ['gradient'],
  salience: (g, weight, of) => g.mul(weight, of('gradient')),
  score: Math.abs,
});
