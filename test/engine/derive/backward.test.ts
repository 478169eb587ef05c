import { describe, expect, it } from 'vitest';
import { deriveBackward, gradientName, upstreamName } from '../../../main/engine/derive/backward.ts';
import { deriveForward } from '../../../main/engine/derive/forward.ts';
import type { Dtype } from '../../../main/engine/tensor/dtype.ts';
import { GraphBuilder } from '../../../main/engine/ir/graph.ts';
import { add, linear, multiply } from '../../../main/engine/ops/index.ts';
import { blockGraph } from '../../../main/engine/runtime/model-graph.ts';
import { picoModel } from '../../fixtures/pico-config.ts';

const float32 = (graph: GraphBuilder): Map<string, Dtype> =>
  new Map([...graph.params.keys()].map((name) => [name, 'F32']));

describe('the backward program of a block', () => {
  const { family, config } = picoModel();
  const { graph, x, y } = blockGraph(family, config, config.layers[0]);
  const contracted = [...graph.params.values()].filter(({ axes }) => axes.length === 2);
  const program = deriveBackward(graph, { result: y, inputs: [x], params: [], contracted }, float32(graph));

  it('gives out what each linear weight was multiplied with, once where q, k and v, or gate and up, share it', () => {
    const xOf = Object.fromEntries(program.contractions.map(({ param, x: name }) => [param, name]));
    expect(Object.keys(xOf).sort()).toEqual(contracted.map(({ name }) => name).sort());
    expect(xOf['self_attn.k_proj.weight']).toBe(xOf['self_attn.q_proj.weight']);
    expect(xOf['self_attn.v_proj.weight']).toBe(xOf['self_attn.q_proj.weight']);
    expect(xOf['mlp.up_proj.weight']).toBe(xOf['mlp.gate_proj.weight']);
    expect(new Set(Object.values(xOf)).size).toBe(4);
    const dys = program.contractions.map(({ dy }) => dy);
    expect([...program.outputs].sort()).toEqual(
      [gradientName('x'), ...new Set([...Object.values(xOf), ...dys])].sort(),
    );
  });

  it('takes the block’s input, its weights, what lies beside them, and the upstream gradient; nothing else', () => {
    const expected = ['x', 'cos', 'sin', 'mask', upstreamName, ...graph.params.keys()];
    expect([...program.inputs].sort()).toEqual(expected.sort());
    const forward = deriveForward(graph, { y }, float32(graph));
    expect([...forward.inputs].sort()).toEqual(expected.filter((name) => name !== upstreamName).sort());
  });
});

describe('gradients', () => {
  it('are refused where the loss does not depend on the value', () => {
    const graph = new GraphBuilder();
    const x = graph.input('x', 'float', ['batch', 4]);
    const unused = graph.param('unused', [4, 4]);
    const y = graph.apply(linear, { x, weight: graph.param('w', [4, 4]) }).y;
    const derive = (): unknown =>
      deriveBackward(graph, { result: y, inputs: [], params: [unused], contracted: [] }, float32(graph));
    expect(derive).toThrow(
      expect.objectContaining({
        code: 'graph-invalid',
        message: 'The loss does not depend on unused, so it has no gradient.',
      }),
    );
  });

  it('come from the result alone: what only other results need is not computed', () => {
    const graph = new GraphBuilder();
    const [x, other] = ['x', 'other'].map((name) => graph.input(name, 'float', ['batch', 4]));
    const y = graph.apply(add, { a: x, b: x }).y;
    graph.apply(multiply, { a: y, b: other });
    const request = { result: y, inputs: [x], params: [], contracted: [] };
    expect(deriveBackward(graph, request, new Map()).inputs).toEqual([upstreamName]);
  });

  it('need the element type of every parameter', () => {
    const graph = new GraphBuilder();
    const x = graph.input('x', 'float', ['batch', 4]);
    const y = graph.apply(linear, { x, weight: graph.param('w', [4, 4]) }).y;
    expect(() => deriveForward(graph, { y }, new Map())).toThrow(
      expect.objectContaining({ message: 'No element type is known for the parameter w.' }),
    );
  });
});
