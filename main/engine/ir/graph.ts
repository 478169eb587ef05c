import { EngineError } from '../errors.ts';
import { atom, describeAxis, lockAxis, sizeOf, unify, type Atom, type Axis } from './axes.ts';
import type { OpAttributes, OpDefinition } from './op.ts';
import type { DimPattern, PortPattern } from './signature.ts';

export type ValueType = 'float' | 'int64';

/** A tensor of the graph. */
export interface Value {
  readonly name: string;
  readonly kind: 'input' | 'param' | 'result';
  readonly type: ValueType;
  readonly axes: readonly Axis[];
}

/** One application of an op: a vertex of the dependency graph, with its directed edges. */
export interface GraphNode {
  readonly name: string;
  readonly op: OpDefinition;
  readonly attributes: OpAttributes;
  readonly inputs: Readonly<Record<string, Value>>;
  readonly outputs: Readonly<Record<string, Value>>;
  /** What each axis name of the signature stands for here. */
  readonly axes: ReadonlyMap<string, Axis>;
  /** What `...` stands for here. */
  readonly rest: readonly Axis[];
}

/** Axes of these names are known only when a graph runs, and are never pruned. */
export type DynamicAxis = 'batch' | 'sequence';

/**
 * Builds a graph by applying ops; unifying their axes gives every result its shape and ties what must be pruned
 * together. Parameters and inputs are made once per name, so tied weights and shared masks are one value.
 */
export class GraphBuilder {
  readonly nodes: GraphNode[] = [];
  readonly params = new Map<string, Value>();
  readonly inputs = new Map<string, Value>();
  private scope = '';

  /** Runs `build` with `prefix` before the name of every parameter and node. */
  within<T>(prefix: string, build: () => T): T {
    const outer = this.scope;
    this.scope = outer + prefix;
    try {
      return build();
    } finally {
      this.scope = outer;
    }
  }

  param(name: string, shape: readonly number[]): Value {
    return this.paramNamed(this.scope + name, shape);
  }

  /** A parameter by its whole name. */
  protected paramNamed(full: string, shape: readonly number[]): Value {
    const known = this.params.get(full);
    if (known) return known;
    const axes = shape.map((size, i) => atom(`${full}.${i}`, size));
    const value: Value = { name: full, kind: 'param', type: 'float', axes };
    this.params.set(full, value);
    return value;
  }

  input(name: string, type: ValueType, dims: readonly (number | DynamicAxis)[]): Value {
    const known = this.inputs.get(name);
    if (known) return known;
    const axes = dims.map((dim) =>
      typeof dim === 'number'
        ? atom(name, dim)
        : atom(dim, 'dynamic', `the ${dim} axis is data, not structure`),
    );
    const value: Value = { name, kind: 'input', type, axes };
    this.inputs.set(name, value);
    return value;
  }

  /** An input of one layer alone, under its prefix as its parameters are. */
  scopedInput(name: string, type: ValueType, dims: readonly (number | DynamicAxis)[]): Value {
    return this.input(this.scope + name, type, dims);
  }

  /**
   * Applies an op to values under its signature's port names and returns its outputs.
   * @throws EngineError graph-invalid where the axes do not fit.
   */
  apply(
    op: OpDefinition,
    inputs: Readonly<Record<string, Value>>,
    attributes: OpAttributes = {},
  ): Record<string, Value> {
    const name = `${this.scope}${op.type}.${this.nodes.length}`;
    const axes = new Map<string, Axis>();
    for (const [axis, size] of Object.entries(op.sizes(attributes))) axes.set(axis, atom(axis, size));
    const binding = new Binding(name, op, axes);
    binding.unifyInputs(inputs);
    const outputs = Object.fromEntries(
      op.signature.outputs.map((port) => [
        port.name,
        {
          name: `${name}.${port.name}`,
          kind: 'result',
          type: 'float',
          axes: binding.axesOf(port),
        } satisfies Value,
      ]),
    );
    for (const [axis, reason] of Object.entries(op.locks)) lockAxis(binding.named(axis), reason);
    this.nodes.push({ name, op, attributes, inputs, outputs, axes, rest: binding.rest ?? [] });
    return outputs;
  }
}

/** One op's signature being matched with actual axes. */
class Binding {
  rest: readonly Axis[] | undefined;

  constructor(
    private readonly node: string,
    private readonly op: OpDefinition,
    private readonly axes: Map<string, Axis>,
  ) {}

  /** Plain axes first, so that the unknown factor of a product can be inferred from the others. */
  unifyInputs(inputs: Readonly<Record<string, Value>>): void {
    const pairs = this.op.signature.inputs.flatMap((port) => this.match(port, inputs[port.name]));
    const plain = pairs.filter(({ pattern }) => pattern.kind === 'axis');
    const composed = pairs.filter(({ pattern }) => pattern.kind !== 'axis');
    for (const { pattern, axis, port } of [...plain, ...composed]) this.unifyOne(pattern, axis, port);
  }

  axesOf(port: PortPattern): Axis[] {
    return port.dims.flatMap((pattern) =>
      pattern.kind === 'rest' ? [...(this.rest ?? [])] : [this.axisOf(pattern)],
    );
  }

  named(name: string): Axis {
    const known = this.axes.get(name);
    if (known) return known;
    const made: Atom = atom(name, undefined);
    this.axes.set(name, made);
    return made;
  }

  private axisOf(pattern: DimPattern): Axis {
    switch (pattern.kind) {
      case 'axis':
        return this.named(pattern.name);
      case 'product':
        return { kind: 'product', factors: pattern.factors.map((factor) => this.axisOf(factor)) };
      case 'sum':
        return { kind: 'sum', terms: pattern.terms.map((term) => this.axisOf(term)) };
      case 'rest':
        throw this.fail('"..." may not stand inside brackets');
    }
  }

  private match(
    port: PortPattern,
    value: Value | undefined,
  ): { pattern: DimPattern; axis: Axis; port: string }[] {
    if (!value) throw this.fail(`its input "${port.name}" is missing`);
    const restAt = port.dims.findIndex(({ kind }) => kind === 'rest');
    const restCount = value.axes.length - (port.dims.length - 1);
    if (restAt < 0 ? value.axes.length !== port.dims.length : restCount < 0) {
      throw this.fail(
        `"${port.name}" has ${value.axes.length} axes, the signature "${this.op.signature.text}" differs`,
      );
    }
    if (restAt >= 0) this.unifyRest(value.axes.slice(restAt, restAt + restCount), port.name);
    const axes =
      restAt < 0 ? value.axes : [...value.axes.slice(0, restAt), ...value.axes.slice(restAt + restCount)];
    const patterns = port.dims.filter(({ kind }) => kind !== 'rest');
    return patterns.map((pattern, i) => ({ pattern, axis: axes[i], port: port.name }));
  }

  private unifyRest(axes: readonly Axis[], port: string): void {
    this.rest ??= axes;
    if (this.rest.length !== axes.length) throw this.fail(`"..." differs in length at "${port}"`);
    this.rest.forEach((axis, i) => {
      this.unifyAxes(axis, axes[i], port);
    });
  }

  private unifyOne(pattern: DimPattern, axis: Axis, port: string): void {
    this.unifyAxes(this.axisOf(pattern), axis, port);
  }

  private unifyAxes(a: Axis, b: Axis, port: string): void {
    try {
      unify(a, b);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      throw this.fail(`at "${port}", ${describeAxis(b)}: ${error.message}`);
    }
  }

  private fail(why: string): EngineError {
    return new EngineError('graph-invalid', `The op ${this.node} does not fit: ${why}.`, { node: this.node });
  }
}

/** The fixed sizes of a value, with 'batch' and 'sequence' left as names. */
export function shapeOf(value: Value): (number | string)[] {
  return value.axes.map((axis) => {
    const size = sizeOf(axis);
    if (typeof size === 'number') return size;
    if (size === 'dynamic') return describeAxis(axis).split(':')[0];
    throw new EngineError('graph-invalid', `The value ${value.name} has an axis of unknown size.`);
  });
}
