import { defineOp } from '../ir/op.ts';

/**
 * y = a + b: the residual. It ties the hidden axis through the whole network, beyond the paper's literal
 * in-degree-1 rule, on purpose: no index of a sum can go from one side alone.
 */
export const add = defineOp({
  type: 'add',
  axes: 'a[... h], b[... h] -> y[... h]',
  emit: (g, { a, b }) => ({ y: g.add(a, b) }),
  vjp: (_g, _values, { y: dy }) => ({ a: dy, b: dy }),
});
