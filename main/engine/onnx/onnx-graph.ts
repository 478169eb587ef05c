import { EngineError } from '../errors.ts';
import type { Dtype } from '../tensor/dtype.ts';
import { encodeModel } from './proto.ts';

/** The name of a tensor inside one ONNX graph. */
export type OnnxValue = string & { readonly onnx: unique symbol };

/** Element types under ONNX's own numbers. */
export const onnxType = {
  float: 1,
  int8: 3,
  uint16: 4,
  int64: 7,
  bool: 9,
  float16: 10,
  bfloat16: 16,
} as const;
export type OnnxType = keyof typeof onnxType;

/** How a checkpoint's elements enter a graph: bfloat16 as plain 16-bit words, since ONNX Runtime takes no such input. */
export const inputTypeOf: Readonly<Record<Dtype, OnnxType>> = {
  F32: 'float',
  F16: 'float16',
  BF16: 'uint16',
};

/** A dimension: a number, or the name of one that is known only when the graph runs. */
export type OnnxDim = number | string;

type Attribute = number | string | readonly number[] | { readonly float: number };

interface OnnxNode {
  readonly opType: string;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

interface OnnxPort {
  readonly name: OnnxValue;
  readonly type: OnnxType;
  readonly dims: readonly OnnxDim[];
}

/** ONNX Runtime 1.30 computes Transpose and its like of later operator sets on the CPU, where a card was asked for. */
const commonOperatorSet = 24;
/** Operators that came later, with the set they came with; BitCast turns bfloat16 words into numbers inside the graph. */
const laterOperatorSets: Readonly<Record<string, number>> = { BitCast: 26 };
const irVersion = 11;

/**
 * An ONNX graph under construction: each method appends one operator and returns the name of its result.
 * Operators that no output needs are left out when the graph is encoded.
 */
export class OnnxGraph {
  private readonly nodes: OnnxNode[] = [];
  private readonly inputs: OnnxPort[] = [];
  private readonly outputs: OnnxPort[] = [];
  private readonly constants = new Map<
    string,
    { name: OnnxValue; type: OnnxType; dims: number[]; data: Uint8Array }
  >();
  private counter = 0;

  input(name: string, type: OnnxType, dims: readonly OnnxDim[]): OnnxValue {
    this.inputs.push({ name: name as OnnxValue, type, dims });
    return name as OnnxValue;
  }

  /** Makes `value` a result of the graph under `name`; one value may be given out under several names. */
  output(name: string, value: OnnxValue, type: OnnxType, dims: readonly OnnxDim[]): void {
    this.nodes.push({ opType: 'Identity', inputs: [value], outputs: [name as OnnxValue], attributes: {} });
    this.outputs.push({ name: name as OnnxValue, type, dims });
  }

  op(
    opType: string,
    inputs: readonly OnnxValue[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): OnnxValue {
    return this.ops(opType, inputs, 1, attributes)[0];
  }

  ops(
    opType: string,
    inputs: readonly OnnxValue[],
    outputCount: number,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): OnnxValue[] {
    const outputs = Array.from({ length: outputCount }, () => `${opType}_${this.counter++}` as OnnxValue);
    this.nodes.push({ opType, inputs, outputs, attributes });
    return outputs;
  }

  scalar(value: number): OnnxValue {
    return this.constant('float', [], new Float32Array([value]));
  }

  ints(values: readonly number[]): OnnxValue {
    return this.constant('int64', [values.length], BigInt64Array.from(values, BigInt));
  }

  int(value: number): OnnxValue {
    return this.constant('int64', [], BigInt64Array.of(BigInt(value)));
  }

  add = (a: OnnxValue, b: OnnxValue): OnnxValue => this.op('Add', [a, b]);
  sub = (a: OnnxValue, b: OnnxValue): OnnxValue => this.op('Sub', [a, b]);
  mul = (a: OnnxValue, b: OnnxValue): OnnxValue => this.op('Mul', [a, b]);
  div = (a: OnnxValue, b: OnnxValue): OnnxValue => this.op('Div', [a, b]);
  neg = (a: OnnxValue): OnnxValue => this.op('Neg', [a]);
  abs = (a: OnnxValue): OnnxValue => this.op('Abs', [a]);
  exp = (a: OnnxValue): OnnxValue => this.op('Exp', [a]);
  log = (a: OnnxValue): OnnxValue => this.op('Log', [a]);
  sqrt = (a: OnnxValue): OnnxValue => this.op('Sqrt', [a]);
  sigmoid = (a: OnnxValue): OnnxValue => this.op('Sigmoid', [a]);
  matmul = (a: OnnxValue, b: OnnxValue): OnnxValue => this.op('MatMul', [a, b]);

  transpose(a: OnnxValue, order: readonly number[]): OnnxValue {
    return this.op('Transpose', [a], { perm: order });
  }

  /** Reshape with ONNX's conventions: 0 keeps a dimension, -1 takes what is left. */
  reshape(a: OnnxValue, dims: readonly number[]): OnnxValue {
    return this.op('Reshape', [a, this.ints(dims)]);
  }

  /** Axes of size 1 put in at these places of the result. */
  unsqueeze(a: OnnxValue, axes: readonly number[]): OnnxValue {
    return this.op('Unsqueeze', [a, this.ints(axes)]);
  }

  /** Any leading dimensions become one: [..., n] as [rows, n]. */
  rows(a: OnnxValue, lastDim: number): OnnxValue {
    return this.reshape(a, [-1, lastDim]);
  }

  /** The shape of `a`, as a tensor: for giving another value the same leading dimensions. */
  shapeOf(a: OnnxValue): OnnxValue {
    return this.op('Shape', [a]);
  }

  reduceSum(a: OnnxValue, axes: readonly number[], keepDims = false): OnnxValue {
    return this.op('ReduceSum', [a, this.ints(axes)], { keepdims: keepDims ? 1 : 0 });
  }

  reduceMean(a: OnnxValue, axes: readonly number[], keepDims = true): OnnxValue {
    return this.op('ReduceMean', [a, this.ints(axes)], { keepdims: keepDims ? 1 : 0 });
  }

  reduceMax(a: OnnxValue, axes: readonly number[], keepDims = true): OnnxValue {
    return this.op('ReduceMax', [a, this.ints(axes)], { keepdims: keepDims ? 1 : 0 });
  }

  concat(parts: readonly OnnxValue[], axis: number): OnnxValue {
    return this.op('Concat', parts, { axis });
  }

  split(a: OnnxValue, sizes: readonly number[], axis: number): OnnxValue[] {
    return this.ops('Split', [a, this.ints(sizes)], sizes.length, { axis });
  }

  cast(a: OnnxValue, type: OnnxType): OnnxValue {
    return this.op('Cast', [a], { to: onnxType[type] });
  }

  /** Elements of a checkpoint's type, entered as `inputTypeOf` says, as float32. */
  toFloat(a: OnnxValue, dtype: Dtype): OnnxValue {
    if (dtype === 'F32') return a;
    const half = dtype === 'BF16' ? this.op('BitCast', [a], { to: onnxType.bfloat16 }) : a;
    return this.cast(half, 'float');
  }

  /** The graph as the bytes of an ONNX model. */
  encode(): Uint8Array {
    if (this.outputs.length === 0) {
      throw new EngineError('graph-invalid', 'An ONNX graph needs at least one output; this one has none.');
    }
    const nodes = this.reachableNodes();
    const used = new Set(nodes.flatMap((node) => node.inputs));
    return encodeModel({
      irVersion,
      producerName: 'llm-pruner-studio',
      opsetImport: [
        {
          domain: '',
          version: Math.max(commonOperatorSet, ...nodes.map(({ opType }) => laterOperatorSets[opType] ?? 0)),
        },
      ],
      graph: {
        name: 'graph',
        node: nodes.map(nodeMessage),
        initializer: [...this.constants.values()].filter(({ name }) => used.has(name)).map(tensorMessage),
        input: this.inputs.filter(({ name }) => used.has(name)).map(portMessage),
        output: this.outputs.map(portMessage),
      },
    });
  }

  /** The inputs that the outputs really depend on: a session must be fed exactly these. */
  usedInputs(): string[] {
    const used = new Set(this.reachableNodes().flatMap((node) => node.inputs));
    return this.inputs.filter(({ name }) => used.has(name)).map(({ name }) => name);
  }

  outputNames(): string[] {
    return this.outputs.map(({ name }) => name);
  }

  private reachableNodes(): OnnxNode[] {
    const needed = new Set<OnnxValue>(this.outputs.map(({ name }) => name));
    const kept: OnnxNode[] = [];
    for (const node of this.nodes.toReversed()) {
      if (!node.outputs.some((output) => needed.has(output))) continue;
      node.inputs.forEach((input) => needed.add(input));
      kept.push(node);
    }
    return kept.reverse();
  }

  private constant(type: OnnxType, dims: number[], values: ArrayBufferView): OnnxValue {
    const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const key = `${type}[${dims.join()}]:${data.join()}`;
    const known = this.constants.get(key);
    if (known) return known.name;
    const name = `constant_${this.constants.size}` as OnnxValue;
    this.constants.set(key, { name, type, dims, data });
    return name;
  }
}

function nodeMessage(node: OnnxNode, index: number): Record<string, unknown> {
  return {
    name: `${node.opType}.${index}`,
    opType: node.opType,
    input: node.inputs,
    output: node.outputs,
    attribute: Object.entries(node.attributes).map(([name, value]) => attributeMessage(name, value)),
  };
}

/** ONNX's AttributeType numbers: FLOAT 1, INT 2, STRING 3, INTS 7. */
function attributeMessage(name: string, value: Attribute): Record<string, unknown> {
  if (typeof value === 'number') return { name, type: 2, i: value };
  if (typeof value === 'string') return { name, type: 3, s: new TextEncoder().encode(value) };
  if ('float' in value) return { name, type: 1, f: value.float };
  return { name, type: 7, ints: value };
}

function tensorMessage(constant: {
  name: OnnxValue;
  type: OnnxType;
  dims: number[];
  data: Uint8Array;
}): object {
  return {
    name: constant.name,
    dims: constant.dims,
    dataType: onnxType[constant.type],
    rawData: constant.data,
  };
}

function portMessage(port: OnnxPort): object {
  return {
    name: port.name,
    type: {
      tensorType: {
        elemType: onnxType[port.type],
        shape: {
          dim: port.dims.map((dim) => (typeof dim === 'number' ? { dimValue: dim } : { dimParam: dim })),
        },
      },
    },
  };
}
