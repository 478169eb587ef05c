import { EngineError } from '../errors.ts';
import { atomsOf, sizeOf, type Axis } from '../ir/axes.ts';
import type { GraphBuilder, GraphNode, Value } from '../ir/graph.ts';

/** The published sequence length at which MACs are counted (docs/method.md, Evaluation): one sequence of 64 tokens. */
export const macSequenceLength = 64;

/** Elements of all parameters, a tied tensor once. */
export function countParameters(graph: GraphBuilder): number {
  return [...graph.params.values()].reduce((total, param) => total + elementsOf(param), 0);
}

export function elementsOf(param: Value): number {
  return param.axes.reduce((product, axis) => product * concreteSize(axis, {}), 1);
}

/** Multiply-accumulates of one forward over one sequence of `sequence` tokens. */
export function countMacs(graph: GraphBuilder, sequence = macSequenceLength): number {
  return graph.nodes.reduce((total, node) => total + macsOf(node, { batch: 1, sequence }), 0);
}

/** Multiply-accumulates of one op, for axes of those sizes. */
export function macsOf(node: GraphNode, dynamic: Readonly<Record<string, number>>): number {
  const sizes = Object.fromEntries([...node.axes].map(([name, axis]) => [name, concreteSize(axis, dynamic)]));
  const rest = node.rest.reduce((product, axis) => product * concreteSize(axis, dynamic), 1);
  return node.op.macs({ ...sizes, rest });
}

function concreteSize(axis: Axis, dynamic: Readonly<Record<string, number>>): number {
  const size = sizeOf(axis);
  if (typeof size === 'number') return size;
  const product = atomsOf(axis).reduce((total, part) => total * (dynamic[part.name] ?? NaN), 1);
  if (Number.isFinite(product)) return product;
  throw new EngineError('graph-invalid', 'A cost was asked of an axis whose size is unknown.');
}
