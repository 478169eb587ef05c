import { afterAll, describe, expect, it } from 'vitest';
import { countMacs, macSequenceLength } from '../../../main/engine/derive/cost.ts';
import { deriveBackward, gradientName, upstreamName } from '../../../main/engine/derive/backward.ts';
import type { Program } from '../../../main/engine/derive/emission.ts';
import { deriveForward } from '../../../main/engine/derive/forward.ts';
import { EngineError } from '../../../main/engine/errors.ts';
import { GraphBuilder, type Value } from '../../../main/engine/ir/graph.ts';
import type { OpDefinition } from '../../../main/engine/ir/op.ts';
import * as ops from '../../../main/engine/ops/index.ts';
import {
  floats,
  indices,
  openSession,
  weightFeed,
  type Feed,
  type Session,
} from '../../../main/engine/runtime/session.ts';
import type { Dtype } from '../../../main/engine/tensor/dtype.ts';
import { fromFloat32, toFloat32 } from '../../../main/engine/tensor/half.ts';
import { RandomStream } from '../../../main/engine/tensor/random.ts';
import { bitsOf, worstOfLargest } from '../../fixtures/closeness.ts';
import { sumOver, tensorOf, type Float64Tensor } from '../../fixtures/float64-tensor.ts';
import { attentionCases } from './attention-cases.ts';
import { elementwiseCases } from './elementwise-cases.ts';
import type { OpCase, OpReference, PortCase, RunSizes } from './op-case.ts';
import { familyCases } from './family-cases.ts';
import { tokenCases } from './token-cases.ts';

const suites = { ...elementwiseCases, ...attentionCases, ...tokenCases, ...familyCases };
const definitions: Readonly<Record<string, OpDefinition>> = ops;

/** Central differences of a float64 function are good to about step²: 1e-10 of a derivative of size one. */
const defaultStep = 1e-5;

const halfDtypes = ['F16', 'BF16'] as const;

const sessions: Session[] = [];
afterAll(async () => {
  for (const session of sessions) await session.release();
});

async function open(program: Program): Promise<Session> {
  const session = await openSession(program, { threads: 1 });
  sessions.push(session);
  return session;
}

interface BuiltCase {
  readonly graph: GraphBuilder;
  readonly values: Readonly<Record<string, Value>>;
  readonly y: Value;
}

function build(op: OpDefinition, { ports, attributes, output = 'y' }: OpCase): BuiltCase {
  const graph = new GraphBuilder();
  const values = Object.fromEntries(
    Object.entries(ports).map(([name, { kind, dims }]) => [
      name,
      kind === 'param'
        ? graph.param(name, dims as readonly number[])
        : graph.input(name, kind === 'index' ? 'int64' : 'float', dims),
    ]),
  );
  return { graph, values, y: graph.apply(op, values, attributes)[output] };
}

const dtypesOf = ({ graph }: BuiltCase, dtype: Dtype): Map<string, Dtype> =>
  new Map([...graph.params.keys()].map((name) => [name, dtype]));

/** The backward program of everything differentiable, with y beside it. */
function backward(built: BuiltCase, { ports }: OpCase, dtype: Dtype): Program {
  const wanted = (kind: Value['kind']): Value[] =>
    Object.entries(built.values)
      .filter(([name, value]) => ports[name].differentiable && value.kind === kind)
      .map(([, value]) => value);
  const request = { result: built.y, inputs: wanted('input'), params: wanted('param'), contracted: [] };
  return deriveBackward(built.graph, { ...request, forward: { y: built.y } }, dtypesOf(built, dtype));
}

const fixedDims = ({ dims }: PortCase, sizes: RunSizes): number[] =>
  dims.map((dim) => (typeof dim === 'number' ? dim : sizes[dim]));

/** Values that float32 holds exactly, so that reference and session start from the same numbers. */
function draw({ ports }: OpCase, sizes: RunSizes): Record<string, Float64Tensor> {
  return Object.fromEntries(
    Object.entries(ports).map(([name, port], i) => {
      const random = new RandomStream(sizes.batch * 100 + sizes.sequence, 'initialisation', i);
      return [name, tensorOf(fixedDims(port, sizes), (at) => Math.fround(port.fill(random, at)))];
    }),
  );
}

function feedsOf({ ports }: OpCase, values: Readonly<Record<string, Float64Tensor>>): Record<string, Feed> {
  return Object.fromEntries(
    Object.entries(values).map(([name, { data, dims }]) => [
      name,
      ports[name].kind === 'index' ? indices(data, dims) : floats(Float32Array.from(data), dims),
    ]),
  );
}

/** ∂(Σ upstream·y)/∂(each element of one input), by central differences of the reference. */
function differences(
  reference: OpReference,
  { attributes = {}, output = 'y', step = defaultStep }: OpCase,
  values: Readonly<Record<string, Float64Tensor>>,
  name: string,
  upstream: Float64Tensor,
): Float64Array {
  const projected = (): number => {
    const { data } = reference(values, attributes, output);
    return sumOver(data.length, (i) => data[i] * upstream.data[i]);
  };
  const { data } = values[name];
  return data.map((value, i) => {
    data[i] = value + step;
    const above = projected();
    data[i] = value - step;
    const below = projected();
    data[i] = value;
    return (above - below) / (2 * step);
  });
}

const randomLike = ({ dims }: Float64Tensor): Float64Tensor => {
  const random = new RandomStream(7, 'data-order');
  return tensorOf(dims, () => Math.fround(random.normal()));
};

it('has cases for every op that the engine exports, and for no other', () => {
  expect(Object.keys(suites).sort()).toEqual(Object.keys(definitions).sort());
  for (const [name, op] of Object.entries(definitions)) expect(op.type).toBe(name);
});

describe.each(Object.entries(suites))('%s', (type, { reference, cases }) => {
  const op = definitions[type];

  describe.each(cases)('$what', (opCase) => {
    const { ports, runs, tolerance, attributes = {}, output = 'y' } = opCase;
    const built = build(op, opCase);
    const given = Object.keys(ports).filter((name) => !ports[name].differentiable);
    const learnt = Object.keys(ports).filter((name) => ports[name].differentiable);

    it('computes what the reference computes', async () => {
      const session = await open(deriveForward(built.graph, { y: built.y }, dtypesOf(built, 'F32')));
      for (const sizes of runs) {
        const values = draw(opCase, sizes);
        const expected = reference(values, attributes, output);
        const { y } = await session.run(feedsOf(opCase, values));
        expect(y.dims).toEqual(expected.dims);
        expect(worstOfLargest(y.data, expected.data)).toBeLessThanOrEqual(tolerance.forward);
      }
    });

    it('has the gradients that differences of the reference have', async () => {
      const session = await open(backward(built, opCase, 'F32'));
      for (const sizes of runs) {
        const values = draw(opCase, sizes);
        const upstream = randomLike(reference(values, attributes, output));
        const upstreamFeed = floats(Float32Array.from(upstream.data), upstream.dims);
        const results = await session.run({ ...feedsOf(opCase, values), [upstreamName]: upstreamFeed });
        for (const name of learnt) {
          const { data, dims } = results[gradientName(name)];
          expect(dims).toEqual(values[name].dims);
          const expected = differences(reference, opCase, values, name, upstream);
          expect(worstOfLargest(data, expected), `gradient of ${name}`).toBeLessThanOrEqual(
            tolerance.gradient,
          );
        }
      }
    });

    if (given.length > 0) {
      it.each(given)('states no gradient for %s, which is given', (name) => {
        const request = { result: built.y, inputs: [built.values[name]], params: [], contracted: [] };
        const derive = (): Program => deriveBackward(built.graph, request, dtypesOf(built, 'F32'));
        expect(derive).toThrow(EngineError);
        expect(derive).toThrow(`does not depend on ${name}`);
      });
    }

    if (built.graph.params.size > 0) {
      it.each(halfDtypes)('gives the bits of the float32 weights for weights stored as %s', async (dtype) => {
        const stored = await open(backward(built, opCase, dtype));
        const upcast = await open(backward(built, opCase, 'F32'));
        const values = draw(opCase, runs[runs.length - 1]);
        const { dims, data } = randomLike(reference(values, attributes, output));
        const feeds = { ...feedsOf(opCase, values), [upstreamName]: floats(Float32Array.from(data), dims) };
        const params = [...built.graph.params.keys()].map((name) => {
          const patterns = fromFloat32(Float32Array.from(values[name].data), dtype);
          return { name, patterns, shape: values[name].dims };
        });
        const found = await stored.run({
          ...feeds,
          ...Object.fromEntries(params.map((p) => [p.name, weightFeed(p.patterns, dtype, p.shape)])),
        });
        const expected = await upcast.run({
          ...feeds,
          ...Object.fromEntries(params.map((p) => [p.name, floats(toFloat32(p.patterns, dtype), p.shape)])),
        });
        for (const name of ['y', ...learnt.map(gradientName)]) {
          expect(bitsOf(found[name].data), name).toEqual(bitsOf(expected[name].data));
        }
      });
    }

    it('costs what the formula says by hand', () => {
      expect(countMacs(built.graph)).toBe(opCase.macs(macSequenceLength));
      expect(countMacs(built.graph, 5)).toBe(opCase.macs(5));
    });
  });
});
