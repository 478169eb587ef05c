import { EngineError } from '../errors.ts';
import { shapeOf, type GraphBuilder, type GraphNode, type Value } from '../ir/graph.ts';
import { Emission, type ParamDtypes, type Program } from './emission.ts';

/** What an op reads of earlier positions: keys, values. Those come in under one name, the new ones go out under another. */
export interface KeptPort {
  readonly past: string;
  readonly fresh: string;
  /** Dimension of the positions. */
  readonly axis: number;
  /** Of the new ones; `batch` and `sequence` are names. */
  readonly dims: readonly (number | string)[];
}

export interface DecodingProgram extends Program {
  readonly kept: readonly KeptPort[];
}

/**
 * The decoding graph: the forward over tokens that continue others, which are not computed again. Where an op reads
 * along its `pastAxis`, earlier values are put before the new ones, and the new ones are given out; an input of the
 * graph that lies along it (a mask) comes in as long as both. Follows from the ops: no family knows of it.
 */
export function deriveDecoding(
  graph: GraphBuilder,
  results: Readonly<Record<string, Value>>,
  dtypes: ParamDtypes,
): DecodingProgram {
  const reads = graph.nodes.flatMap(readsOfPast);
  const spanning = new Map(
    reads.flatMap(({ value, axis }) => (value.kind === 'input' ? [[value, axis]] : [])),
  );
  const emission = new Emission(graph, dtypes, {
    dimsOf: (input) => withDim(shapeOf(input), spanning.get(input), 'positions'),
    portsOf: (onnx, node, ports) => {
      const joined = reads.flatMap(({ of, port, axis, value }) => {
        if (of !== node || value.kind === 'input') return [];
        const past = onnx.input(pastName(node, port), 'float', withDim(shapeOf(value), axis, 'slots'));
        return [[port, onnx.concat([past, ports[port]], axis)] as const];
      });
      return { ...ports, ...Object.fromEntries(joined) };
    },
  });
  const kept = reads.flatMap(({ of, port, axis, value }): KeptPort[] => {
    if (value.kind === 'input') return [];
    const fresh = `fresh ${of.name} ${port}`;
    emission.onnx.output(fresh, emission.valueOf(value), 'float', shapeOf(value));
    return [{ past: pastName(of, port), fresh, axis, dims: shapeOf(value) }];
  });
  for (const [name, value] of Object.entries(results)) {
    emission.onnx.output(name, emission.valueOf(value), 'float', shapeOf(value));
  }
  return { ...emission.finish(), kept };
}

const pastName = (node: GraphNode, port: string): string => `past ${node.name} ${port}`;

/** The ports of a node that lie along its op's axis of earlier positions. */
function readsOfPast(node: GraphNode): { of: GraphNode; port: string; axis: number; value: Value }[] {
  const { pastAxis, signature } = node.op;
  if (pastAxis === undefined) return [];
  return signature.inputs.flatMap(({ name, dims }) => {
    const axis = dims.findIndex((dim) => dim.kind === 'axis' && dim.name === pastAxis);
    if (axis < 0) return [];
    if (dims.some(({ kind }) => kind === 'rest')) {
      throw new EngineError(
        'graph-invalid',
        `The port ${name} of ${node.name} has "..." beside earlier positions.`,
      );
    }
    return [{ of: node, port: name, axis, value: node.inputs[name] }];
  });
}

const withDim = (
  dims: readonly (number | string)[],
  axis: number | undefined,
  name: string,
): readonly (number | string)[] => dims.map((dim, i) => (i === axis ? name : dim));
