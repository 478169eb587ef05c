import type { OnnxGraph, OnnxValue } from '../onnx/onnx-graph.ts';
import type { Dtype } from '../tensor/dtype.ts';
import { parseSignature, type Signature } from './signature.ts';

/** ONNX values under the port names of an op's signature. */
export type OnnxPorts = Readonly<Record<string, OnnxValue>>;

export type OpAttributes = Readonly<Record<string, number>>;

/** What an op may ask about the node it is emitted for. */
export interface NodeView {
  readonly attributes: OpAttributes;
  /** The fixed size of an axis of the signature. */
  size(axis: string): number;
  /** The stored element type of a weight port. */
  dtype(port: string): Dtype;
}

/** Sizes of a signature's axes with batch and sequence filled in; `rest` is the product of the leading dimensions. */
export type AxisSizes = Readonly<Record<string, number>>;

export interface OpDefinition {
  readonly type: string;
  readonly signature: Signature;
  /** Axes of the signature that must never be pruned, each with its reason. */
  readonly locks: Readonly<Record<string, string>>;
  /** Axis sizes that follow from the attributes alone. */
  readonly sizes: (attributes: OpAttributes) => Readonly<Record<string, number>>;
  /** Weight ports that the op wants as stored, not as float32. */
  readonly rawPorts: readonly string[];
  /** For y = x·Wᵀ: the ports of x and W. ∂L/∂W = dyᵀ·x can then be formed outside the graph, in row blocks. */
  readonly contraction?: { readonly x: string; readonly weight: string };
  /** For y = W[ids]: the port of W. The rows of ∂L/∂W are sums of ∂L/∂y over the places of their ids. */
  readonly lookup?: string;
  /**
   * The axis of the signature along which earlier positions lie too when a text is continued (`derive/decoding.ts`):
   * what comes in along it is kept from step to step.
   */
  readonly pastAxis?: string;
  /** Appends the op to an ONNX graph and names its outputs. */
  readonly emit: (onnx: OnnxGraph, inputs: OnnxPorts, node: NodeView) => OnnxPorts;
  /**
   * Vector-Jacobian product: from ∂L/∂outputs to ∂L/∂inputs. `values` holds inputs and outputs. Ports that are left
   * out have no gradient (indices, masks, angles).
   */
  readonly vjp: (onnx: OnnxGraph, values: OnnxPorts, gradients: OnnxPorts, node: NodeView) => OnnxPorts;
  /** Multiply-accumulates as LLM-Pruner's hooks count them (docs/method.md, Evaluation). */
  readonly macs: (sizes: AxisSizes) => number;
}

type OpSource = Pick<OpDefinition, 'type' | 'emit' | 'vjp'> &
  Partial<
    Pick<OpDefinition, 'locks' | 'sizes' | 'rawPorts' | 'contraction' | 'lookup' | 'pastAxis' | 'macs'>
  > & {
    readonly axes: string;
  };

/** Completes an op's definition with what most ops leave out. */
export function defineOp({ axes, ...source }: OpSource): OpDefinition {
  return {
    locks: {},
    sizes: () => ({}),
    rawPorts: [],
    macs: () => 0,
    ...source,
    signature: parseSignature(axes),
  };
}
