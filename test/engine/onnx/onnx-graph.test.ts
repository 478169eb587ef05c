import { expect, it, onTestFinished } from 'vitest';
import { OnnxGraph } from '../../../main/engine/onnx/onnx-graph.ts';
import { floats, openSession, type Feed, type Result } from '../../../main/engine/runtime/session.ts';
import { session } from '../../fixtures/open-network.ts';
import { rejection } from '../checkpoint/rejection.ts';

async function run(g: OnnxGraph, feeds: Record<string, Feed>): Promise<Record<string, Result>> {
  const opened = await openSession(
    { model: g.encode(), inputs: g.usedInputs(), outputs: g.outputNames() },
    session,
  );
  onTestFinished(() => opened.release());
  return opened.run(feeds);
}

it('leaves out operators and inputs that no output needs', async () => {
  const g = new OnnxGraph();
  const [a, b, c] = ['a', 'b', 'c'].map((name) => g.input(name, 'float', [2]));
  const sum = g.add(a, b);
  const size = (): number => g.encode().length;
  g.output('y', sum, 'float', [2]);
  const before = size();
  g.exp(g.mul(c, sum));
  expect(size()).toBe(before);
  expect(g.usedInputs()).toEqual(['a', 'b']);
  const one = floats(Float32Array.of(1, 2), [2]);
  expect([...(await run(g, { a: one, b: one })).y.data]).toEqual([2, 4]);
});

it('gives one value out under several names, and an input as it came', async () => {
  const g = new OnnxGraph();
  const x = g.input('x', 'float', ['n']);
  const y = g.neg(x);
  for (const [name, value] of Object.entries({ first: y, second: y, same: x }))
    g.output(name, value, 'float', ['n']);
  const results = await run(g, { x: floats(Float32Array.of(1, -2, 3), [3]) });
  expect(results.first.data).toEqual(Float32Array.of(-1, 2, -3));
  expect(results.second.data).toEqual(results.first.data);
  expect(results.same.data).toEqual(Float32Array.of(1, -2, 3));
});

it('keeps a constant once, and constants of one number but another shape or type apart', () => {
  const g = new OnnxGraph();
  expect(g.scalar(2)).toBe(g.scalar(2));
  expect(g.ints([1, 2])).toBe(g.ints([1, 2]));
  const apart = [g.scalar(0), g.int(0), g.ints([0]), g.ints([0, 0]), g.scalar(1), g.scalar(-0)];
  expect(new Set(apart).size).toBe(apart.length);
});

it('needs an output', () => {
  const g = new OnnxGraph();
  g.neg(g.input('x', 'float', [1]));
  expect(() => g.encode()).toThrow(
    expect.objectContaining({
      code: 'graph-invalid',
      message: expect.stringContaining('at least one output'),
    }),
  );
});

it('reports what ONNX Runtime cannot load, and an input that is missing', async () => {
  const g = new OnnxGraph();
  g.output('y', g.op('NoSuchOperator', [g.input('x', 'float', [1])]), 'float', [1]);
  expect((await rejection(run(g, {}))).code).toBe('compute-failed');

  const sum = new OnnxGraph();
  sum.output('y', sum.add(sum.input('a', 'float', [1]), sum.input('b', 'float', [1])), 'float', [1]);
  const missing = await rejection(run(sum, { a: floats(new Float32Array(1), [1]) }));
  expect(missing).toMatchObject({
    code: 'graph-invalid',
    message: 'A session was not given its input "b".',
  });
});
