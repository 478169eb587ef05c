import { defineCriterion } from './criterion.ts';

/** Σ |w·∂L/∂w - ½·w²·F| over one row or column, F the diagonal Fisher: LLM-Pruner, first and second order together. */
export const taylorMixed = defineCriterion({
  kind: 'weight',
  id: 'taylor-mixed',
  title: 'Taylor, element-wise, first and second order: each weight’s effect on the loss, with its bend',
  statistics: ['gradient', 'fisher'],
  salience: (g, weight, of) => {
    const first = g.mul(weight, of('gradient'));
    const second = g.mul(g.mul(weight, of('fisher')), weight);
    return g.abs(g.sub(first, g.mul(g.scalar(0.5), second)));
  },
  score: (sum) => sum,
});
