import type { DynamicAxis } from '../../../main/engine/ir/graph.ts';
import type { OpAttributes } from '../../../main/engine/ir/op.ts';
import type { RandomStream } from '../../../main/engine/tensor/random.ts';
import type { Float64Tensor } from '../../fixtures/float64-tensor.ts';

/** Sizes that are known only when a graph runs. */
export type RunSizes = Readonly<Record<DynamicAxis, number>>;

/** One input of an op: how it enters the graph, and what it is filled with. */
export interface PortCase {
  readonly kind: 'param' | 'input' | 'index';
  readonly dims: readonly (number | DynamicAxis)[];
  /** Whether the op states a gradient for it. */
  readonly differentiable: boolean;
  readonly fill: (random: RandomStream, index: readonly number[]) => number;
}

/** One graph of one op: its shapes, attributes and values, with what is allowed to differ. */
export interface OpCase {
  readonly what: string;
  readonly attributes?: OpAttributes;
  /** Which of the op's outputs is looked at, where it has several; the others have no gradient then. */
  readonly output?: string;
  readonly ports: Readonly<Record<string, PortCase>>;
  /** The one compiled graph must serve each of these. */
  readonly runs: readonly RunSizes[];
  /** By hand, for one sequence of `sequence` tokens. */
  readonly macs: (sequence: number) => number;
  /** Largest difference from the float64 reference, relative to its largest value. */
  readonly tolerance: { readonly forward: number; readonly gradient: number };
  /** Step of the central differences of the reference. */
  readonly step?: number;
}

/** The op in plain float64 loops; `output` is `y` where it has a single one. */
export type OpReference = (
  inputs: Readonly<Record<string, Float64Tensor>>,
  attributes: OpAttributes,
  output: string,
) => Float64Tensor;

export interface OpCases {
  readonly reference: OpReference;
  readonly cases: readonly OpCase[];
}

type Fill = PortCase['fill'];

const normal: Fill = (random) => random.normal();

const port =
  (kind: PortCase['kind'], differentiable: boolean) =>
  (dims: PortCase['dims'], fill: Fill = normal): PortCase => ({ kind, dims, differentiable, fill });

export const param = port('param', true);
export const input = port('input', true);
/** A float input that is given, not learnt: masks and angles. */
export const constant = port('input', false);
export const index = (dims: PortCase['dims'], bound: number): PortCase =>
  port('index', false)(dims, (random) => random.below(bound));

/** What `...` and dynamic axes are tried with: one token, odd sizes, several rows. */
export const someRuns: readonly RunSizes[] = [
  { batch: 1, sequence: 1 },
  { batch: 3, sequence: 5 },
];
/** For graphs without a dynamic axis. */
export const oneRun: readonly RunSizes[] = [{ batch: 1, sequence: 1 }];
