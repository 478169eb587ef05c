import { EngineError } from '../errors.ts';
import { sizeOf } from '../ir/axes.ts';
import { shapeOf, type GraphBuilder, type GraphNode, type Value } from '../ir/graph.ts';
import type { NodeView, OnnxPorts } from '../ir/op.ts';
import { inputTypeOf, OnnxGraph, type OnnxValue } from '../onnx/onnx-graph.ts';
import type { Dtype } from '../tensor/dtype.ts';

/** How a parameter enters: as stored, or as 8-bit rows whose scales are an input beside it. */
export type ParamType = Dtype | 'int8-rows';

/** By the graph's own parameter names. */
export type ParamDtypes = ReadonlyMap<string, ParamType>;

/** Input of the scales of a parameter that enters as 8-bit rows. [rows, 1] */
export const scalesName = (param: string): string => `${param}.row_scales`;

/** An ONNX model ready for a session; `inputs` are exactly what a run must be fed. */
export interface Program {
  readonly model: Uint8Array;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** How a reading of a graph differs from the graph as it is described. */
export interface Reading {
  /** The dimensions under which one of the graph's inputs enters. */
  dimsOf(input: Value): readonly (number | string)[];
  /** What a node is given, in place of its `ports`. */
  portsOf(onnx: OnnxGraph, node: GraphNode, ports: OnnxPorts): OnnxPorts;
}

const asDescribed: Reading = { dimsOf: shapeOf, portsOf: (_onnx, _node, ports) => ports };

/**
 * Emits a graph's nodes into an ONNX graph, in order, and keeps which ONNX value holds which value of ours.
 * Parameters enter as stored and are turned into float32 once.
 */
export class Emission {
  readonly onnx = new OnnxGraph();
  private readonly stored = new Map<Value, OnnxValue>();
  private readonly scales = new Map<Value, OnnxValue>();
  private readonly floats = new Map<Value, OnnxValue>();

  constructor(
    graph: GraphBuilder,
    private readonly dtypes: ParamDtypes,
    private readonly reading: Reading = asDescribed,
  ) {
    for (const value of graph.inputs.values()) {
      this.floats.set(value, this.onnx.input(value.name, value.type, reading.dimsOf(value)));
    }
    for (const value of graph.params.values()) {
      const type = this.typeOf(value);
      const stored = type === 'int8-rows' ? 'int8' : inputTypeOf[type];
      this.stored.set(value, this.onnx.input(value.name, stored, shapeOf(value)));
      if (type === 'int8-rows') this.scales.set(value, this.rowScales(value));
    }
    for (const node of graph.nodes) this.emitNode(node);
  }

  /** The float32 (or index) value of a tensor of the graph. */
  valueOf(value: Value): OnnxValue {
    const known = this.floats.get(value);
    if (known) return known;
    const stored = this.stored.get(value);
    if (!stored) throw new EngineError('graph-invalid', `The value ${value.name} is used before it is made.`);
    const scales = this.scales.get(value);
    const float = scales
      ? this.onnx.mul(this.onnx.cast(stored, 'float'), scales)
      : this.onnx.toFloat(stored, this.dtypeOf(value));
    this.floats.set(value, float);
    return float;
  }

  inputsOf(node: GraphNode): OnnxPorts {
    return Object.fromEntries(
      Object.entries(node.inputs).map(([port, value]) => [
        port,
        node.op.rawPorts.includes(port)
          ? (this.stored.get(value) ?? this.valueOf(value))
          : this.valueOf(value),
      ]),
    );
  }

  viewOf(node: GraphNode): NodeView {
    return {
      attributes: node.attributes,
      size: (axis) => fixedSize(node, axis),
      dtype: (port) => this.dtypeOf(node.inputs[port]),
    };
  }

  finish(): Program {
    const model = this.onnx.encode();
    return { model, inputs: this.onnx.usedInputs(), outputs: this.onnx.outputNames() };
  }

  private emitNode(node: GraphNode): void {
    const ports = this.reading.portsOf(this.onnx, node, this.inputsOf(node));
    const emitted = node.op.emit(this.onnx, ports, this.viewOf(node));
    for (const [port, value] of Object.entries(node.outputs)) this.floats.set(value, emitted[port]);
  }

  private rowScales({ name, axes }: Value): OnnxValue {
    return this.onnx.input(scalesName(name), 'float', [sizeOf(axes[0]) ?? 'rows', 1]);
  }

  private dtypeOf(param: Value): Dtype {
    const type = this.typeOf(param);
    if (type !== 'int8-rows') return type;
    throw new EngineError('graph-invalid', `The op that takes ${param.name} as stored knows no 8-bit rows.`);
  }

  private typeOf(param: Value): ParamType {
    const type = this.dtypes.get(param.name);
    if (type) return type;
    throw new EngineError('graph-invalid', `No element type is known for the parameter ${param.name}.`);
  }
}

function fixedSize(node: GraphNode, axis: string): number {
  const found = node.axes.get(axis);
  const size = found && sizeOf(found);
  if (typeof size === 'number') return size;
  throw new EngineError('graph-invalid', `The op ${node.name} has no fixed size for its axis ${axis}.`);
}
