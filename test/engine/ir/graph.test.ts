import { describe, expect, it } from 'vitest';
import { atomsOf, resolve } from '../../../main/engine/ir/axes.ts';
import { GraphBuilder, shapeOf } from '../../../main/engine/ir/graph.ts';
import { defineOp, type OpDefinition } from '../../../main/engine/ir/op.ts';
import {
  add,
  attention,
  embedding,
  linear,
  mergeHeads,
  multiply,
  rotary,
  splitHeads,
} from '../../../main/engine/ops/index.ts';

/** An op that is never emitted: only its axes matter here. */
const opOf = (axes: string, more: Partial<Pick<OpDefinition, 'locks' | 'sizes'>> = {}): OpDefinition => {
  const unused = (): never => {
    throw new Error('not emitted here');
  };
  return defineOp({ type: 'test', axes, emit: unused, vjp: unused, ...more });
};

const hidden = (graph: GraphBuilder, name: string, size: number): ReturnType<GraphBuilder['input']> =>
  graph.input(name, 'float', ['batch', 'sequence', size]);

describe('values', () => {
  it('makes a parameter and an input once a name', () => {
    const graph = new GraphBuilder();
    expect(graph.param('w', [2, 3])).toBe(graph.param('w', [2, 3]));
    expect(hidden(graph, 'x', 3)).toBe(hidden(graph, 'x', 3));
    expect([graph.params.size, graph.inputs.size]).toEqual([1, 1]);
  });

  it('puts the prefix before parameters and nodes, not before inputs, and takes it away again', () => {
    const graph = new GraphBuilder();
    const build = (): void => {
      graph.apply(linear, { x: hidden(graph, 'x', 3), weight: graph.param('w', [3, 3]) });
    };
    graph.within('a.', () => graph.within('b.', build));
    expect(() => graph.within('a.', () => graph.apply(add, {}))).toThrow();
    build();
    expect([...graph.params.keys()]).toEqual(['a.b.w', 'w']);
    expect([...graph.inputs.keys()]).toEqual(['x']);
    expect(graph.nodes.map(({ name }) => name)).toEqual(['a.b.linear.0', 'linear.1']);
  });

  it('keeps the directed edges: which value enters and leaves each node', () => {
    const graph = new GraphBuilder();
    const x = hidden(graph, 'x', 4);
    const weight = graph.param('w', [6, 4]);
    const { y } = graph.apply(linear, { x, weight });
    expect(graph.nodes[0].inputs).toEqual({ x, weight });
    expect(graph.nodes[0].outputs).toEqual({ y });
    expect(graph.nodes[0].outputs.y).toBe(y);
    expect(y.kind).toBe('result');
  });
});

describe('shapes', () => {
  it('follow from unification, with batch and sequence by name', () => {
    const graph = new GraphBuilder();
    const ids = graph.input('ids', 'int64', ['batch', 'sequence']);
    const x = graph.apply(embedding, { ids, weight: graph.param('e', [11, 6]) }).y;
    const q = graph.apply(linear, { x, weight: graph.param('q', [8, 6]) }).y;
    const heads = graph.apply(splitHeads, { x: q }, { headDim: 2 }).y;
    const merged = graph.apply(mergeHeads, { x: heads }).y;
    expect(shapeOf(x)).toEqual(['batch', 'sequence', 6]);
    expect(shapeOf(q)).toEqual(['batch', 'sequence', 8]);
    expect(shapeOf(heads)).toEqual(['batch', 4, 'sequence', 2]);
    expect(shapeOf(merged)).toEqual(['batch', 'sequence', 8]);
  });

  it('infer how many query heads share a KV head', () => {
    const graph = new GraphBuilder();
    const heads = (name: string, count: number): ReturnType<GraphBuilder['input']> =>
      graph.input(name, 'float', ['batch', count, 'sequence', 4]);
    const mask = graph.input('mask', 'float', ['sequence', 'sequence']);
    const { y } = graph.apply(attention, { q: heads('q', 6), k: heads('k', 2), v: heads('v', 2), mask });
    expect(shapeOf(y)).toEqual(['batch', 6, 'sequence', 4]);
    expect(graph.nodes[0].axes.get('r')).toMatchObject({ size: 3 });
  });

  it('take the sizes of an axis from the attributes', () => {
    const graph = new GraphBuilder();
    const unstack = opOf('x[... (q + k)] -> a[... q], b[... k]', {
      sizes: ({ left }) => ({ q: left, k: 5 }),
    });
    const { a, b } = graph.apply(unstack, { x: hidden(graph, 'x', 8) }, { left: 3 });
    expect([shapeOf(a), shapeOf(b)]).toEqual([
      ['batch', 'sequence', 3],
      ['batch', 'sequence', 5],
    ]);
  });

  it('of a value with an axis that nothing sizes are an error that names it', () => {
    const graph = new GraphBuilder();
    const { y } = graph.apply(opOf('x[... h] -> y[... o]'), { x: hidden(graph, 'x', 8) });
    expect(() => shapeOf(y)).toThrow(
      expect.objectContaining({
        code: 'graph-invalid',
        message: 'The value test.0.y has an axis of unknown size.',
      }),
    );
  });
});

describe('axes', () => {
  it('of a fused projection are the units of its parts', () => {
    const graph = new GraphBuilder();
    const sizes = (): Record<string, number> => ({ g: 2, d: 3 });
    const fused = opOf('x[... (g r d + g d + g d)] -> q[... (g r d)], k[... (g d)], v[... (g d)]', { sizes });
    const weight = graph.param('qkv', [36, 5]);
    // The sum has no total to infer r from, so the query part says it.
    const x = graph.apply(linear, { x: hidden(graph, 'x', 5), weight }).y;
    expect(() => graph.apply(fused, { x })).toThrow(/test\.1 does not fit/);
    const known = opOf('x[... (g r d + g d + g d)] -> q[... (g r d)], k[... (g d)], v[... (g d)]', {
      sizes: () => ({ g: 2, r: 4, d: 3 }),
    });
    const { q, k, v } = graph.apply(known, { x });
    expect([q, k, v].map((value) => shapeOf(value)[2])).toEqual([24, 6, 6]);
    const g = atomsOf(k.axes[2])[0];
    expect(atomsOf(q.axes[2])[0]).toBe(g);
    expect(atomsOf(weight.axes[0])).toContain(g);
  });

  it('are locked by the op that says so, in every tensor that shares them', () => {
    const graph = new GraphBuilder();
    const weight = graph.param('q', [8, 6]);
    const x = graph.apply(linear, { x: hidden(graph, 'x', 6), weight }).y;
    const heads = graph.apply(splitHeads, { x }, { headDim: 4 }).y;
    const angles = ['cos', 'sin'].map((name) => graph.input(name, 'float', ['sequence', 2]));
    graph.apply(rotary, { x: heads, cos: angles[0], sin: angles[1] });
    const [h, d] = atomsOf(weight.axes[0]);
    expect(h.lock).toBeUndefined();
    expect(d.lock).toBe('rotary positions pair the dimensions of a head');
    expect(atomsOf(angles[0].axes[1])[0].lock).toBe('one angle a pair of dimensions');
  });

  it('of batch and sequence are locked from the start', () => {
    const [batch, sequence] = hidden(new GraphBuilder(), 'x', 4).axes;
    expect(atomsOf(batch)[0].lock).toBe('the batch axis is data, not structure');
    expect(atomsOf(sequence)[0].lock).toBe('the sequence axis is data, not structure');
  });

  it('of both sides of a residual become one', () => {
    const graph = new GraphBuilder();
    const [a, b] = [hidden(graph, 'a', 4), hidden(graph, 'b', 4)];
    const { y } = graph.apply(add, { a, b });
    expect(new Set([a, b, y].map(({ axes }) => resolve(axes[2]))).size).toBe(1);
  });
});

describe('what does not fit is refused by the name of the node', () => {
  const misfit = (build: (graph: GraphBuilder) => unknown, why: string): void => {
    const graph = new GraphBuilder();
    const attempt = (): unknown => graph.within('model.layers.3.', () => build(graph));
    expect(attempt).toThrow(
      expect.objectContaining({
        code: 'graph-invalid',
        message: expect.stringContaining(why),
        facts: { node: expect.stringMatching(/^model\.layers\.3\.\w+\.\d+$/) },
      }),
    );
    expect(graph.nodes.filter(({ op }) => op.type === 'add')).toEqual([]);
  };

  it.each<[string, (graph: GraphBuilder) => unknown, string]>([
    [
      'two widths',
      (graph) => graph.apply(add, { a: hidden(graph, 'a', 4), b: hidden(graph, 'b', 5) }),
      'The op model.layers.3.add.0 does not fit: at "b", b:5: Two axes must be one, but a:4 is not b:5.',
    ],
    [
      'a weight for another input',
      (graph) => graph.apply(linear, { x: hidden(graph, 'x', 4), weight: graph.param('w', [3, 5]) }),
      'at "weight", model.layers.3.w.1:5: Two axes must be one, but x:4 is not model.layers.3.w.1:5.',
    ],
    [
      'heads that do not divide',
      (graph) => graph.apply(splitHeads, { x: hidden(graph, 'x', 10) }, { headDim: 4 }),
      'at "x", x:10: Two axes must be one, but x:10 is not (h:? d:4).',
    ],
    [
      'too few axes',
      (graph) => graph.apply(splitHeads, { x: graph.input('x', 'float', ['batch', 8]) }, { headDim: 4 }),
      '"x" has 2 axes, the signature "x[b t (h d)] -> y[b h t d]" differs',
    ],
    [
      'no axis at all where one is needed',
      (graph) => graph.apply(linear, { x: graph.input('x', 'float', []), weight: graph.param('w', [3, 5]) }),
      '"x" has 0 axes, the signature "x[... i], weight[o i] -> y[... o]" differs',
    ],
    [
      'leading axes of another number',
      (graph) =>
        graph.apply(multiply, { a: hidden(graph, 'a', 4), b: graph.input('b', 'float', ['batch', 4]) }),
      '"..." differs in length at "b"',
    ],
    [
      'leading axes of another size',
      (graph) =>
        graph.apply(multiply, { a: graph.input('a', 'float', [2, 4]), b: graph.input('b', 'float', [3, 4]) }),
      'at "b", b:3: Two axes must be one, but a:2 is not b:3.',
    ],
    [
      'a missing input',
      (graph) => graph.apply(add, { a: hidden(graph, 'a', 4) }),
      'its input "b" is missing',
    ],
    [
      '"..." inside brackets',
      (graph) => graph.apply(opOf('x[(... h)] -> y[h]'), { x: graph.input('x', 'float', [4]) }),
      '"..." may not stand inside brackets',
    ],
  ])('%s', (_what, build, why) => {
    misfit(build, why);
  });
});
