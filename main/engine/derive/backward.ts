import { EngineError } from '../errors.ts';
import { shapeOf, type GraphBuilder, type GraphNode, type Value } from '../ir/graph.ts';
import type { OnnxPorts } from '../ir/op.ts';
import type { OnnxValue } from '../onnx/onnx-graph.ts';
import { Emission, type ParamDtypes, type Program } from './emission.ts';

/** Name of the input that carries ∂L/∂result. */
export const upstreamName = 'upstream';

/** Name of the output that carries ∂L/∂(input or parameter). */
export const gradientName = (name: string): string => `gradient ${name}`;

/** ∂L/∂W of a linear weight is dyᵀ·x: where the two come out of a backward program, a row a token. */
export interface Contraction {
  readonly param: string;
  readonly x: string;
  readonly dy: string;
}

/** ∂L/∂(what was looked up) in a weight, a row a token: where it comes out of a backward program. */
interface Lookup {
  readonly param: string;
  readonly dy: string;
}

export interface BackwardProgram extends Program {
  readonly contractions: readonly Contraction[];
  readonly lookups: readonly Lookup[];
}

export interface BackwardRequest {
  /** What the loss depends on; the program takes ∂L/∂result as input. */
  readonly result: Value;
  /** Inputs of the graph whose gradients are wanted. */
  readonly inputs: readonly Value[];
  /** Parameters whose whole gradients are wanted. */
  readonly params: readonly Value[];
  /** Linear weights for which x and dy are wanted instead of the gradient, and embeddings, for which dy alone is. */
  readonly contracted: readonly Value[];
  /** Further results of the forward pass to give out, by name. */
  readonly forward?: Readonly<Record<string, Value>>;
}

/**
 * The backward graph. It recomputes the forward inside, so nothing but a graph's inputs is kept between the two
 * passes, and applies each op's vjp from the result back; gradients of a value used twice are added.
 */
export function deriveBackward(
  graph: GraphBuilder,
  request: BackwardRequest,
  dtypes: ParamDtypes,
): BackwardProgram {
  const emission = new Emission(graph, dtypes);
  const { onnx } = emission;
  for (const [name, value] of Object.entries(request.forward ?? {})) {
    onnx.output(name, emission.valueOf(value), 'float', shapeOf(value));
  }
  const upstream = onnx.input(upstreamName, 'float', shapeOf(request.result));
  const gradients = new Map<Value, OnnxValue>([[request.result, upstream]]);
  const contractions: Contraction[] = [];
  const lookups: Lookup[] = [];
  const givenOut = new Map<OnnxValue, string>();

  for (const node of graph.nodes.toReversed()) {
    const dOutputs = outputGradients(emission, node, gradients);
    if (!dOutputs) continue;
    if (isContracted(node, request.contracted)) {
      contractions.push(giveOutContraction(emission, node, dOutputs, givenOut));
    }
    if (isLookedUp(node, request.contracted)) lookups.push(giveOutLookup(emission, node, dOutputs));
    for (const [port, gradient] of Object.entries(vjpOf(emission, node, dOutputs))) {
      const value = node.inputs[port];
      const known = gradients.get(value);
      gradients.set(value, known ? onnx.add(known, gradient) : gradient);
    }
  }
  for (const value of [...request.inputs, ...request.params]) {
    const gradient = gradients.get(value);
    if (!gradient) {
      throw new EngineError(
        'graph-invalid',
        `The loss does not depend on ${value.name}, so it has no gradient.`,
      );
    }
    onnx.output(gradientName(value.name), gradient, 'float', shapeOf(value));
  }
  return { ...emission.finish(), contractions, lookups };
}

/** Undefined where the result depends on none of the outputs; zeros for one that it does not depend on. */
function outputGradients(
  emission: Emission,
  node: GraphNode,
  gradients: ReadonlyMap<Value, OnnxValue>,
): OnnxPorts | undefined {
  const outputs = Object.entries(node.outputs);
  if (!outputs.some(([, value]) => gradients.has(value))) return undefined;
  return Object.fromEntries(
    outputs.map(([port, value]) => [
      port,
      gradients.get(value) ?? emission.onnx.mul(emission.valueOf(value), emission.onnx.scalar(0)),
    ]),
  );
}

function vjpOf(emission: Emission, node: GraphNode, dOutputs: OnnxPorts): OnnxPorts {
  const outputs = Object.entries(node.outputs).map(
    ([port, value]) => [port, emission.valueOf(value)] as const,
  );
  const values = { ...emission.inputsOf(node), ...Object.fromEntries(outputs) };
  return node.op.vjp(emission.onnx, values, dOutputs, emission.viewOf(node));
}

function isContracted(node: GraphNode, params: readonly Value[]): boolean {
  return node.op.contraction !== undefined && params.includes(node.inputs[node.op.contraction.weight]);
}

function isLookedUp(node: GraphNode, params: readonly Value[]): boolean {
  return node.op.lookup !== undefined && params.includes(node.inputs[node.op.lookup]);
}

function giveOutLookup({ onnx }: Emission, node: GraphNode, dOutputs: OnnxPorts): Lookup {
  const param = node.inputs[node.op.lookup as string].name;
  const [[port, output]] = Object.entries(node.outputs);
  const size = shapeOf(output).at(-1) as number;
  const dy = `dy of ${param}`;
  onnx.output(dy, onnx.rows(dOutputs[port], size), 'float', ['tokens', size]);
  return { param, dy };
}

/** q, k and v share their x: it is given out once. */
function giveOutContraction(
  emission: Emission,
  node: GraphNode,
  dOutputs: OnnxPorts,
  givenOut: Map<OnnxValue, string>,
): Contraction {
  const { x: xPort, weight } = node.op.contraction as { x: string; weight: string };
  const param = node.inputs[weight];
  const [outputPort, output] = Object.entries(node.outputs)[0];
  const giveOut = (name: string, value: OnnxValue, of: Value): string => {
    const known = givenOut.get(value);
    if (known) return known;
    const size = shapeOf(of).at(-1) as number;
    emission.onnx.output(name, emission.onnx.rows(value, size), 'float', ['tokens', size]);
    givenOut.set(value, name);
    return name;
  };
  const x = node.inputs[xPort];
  return {
    param: param.name,
    x: giveOut(`x of ${param.name}`, emission.valueOf(x), x),
    dy: giveOut(`dy of ${param.name}`, dOutputs[outputPort], output),
  };
}
