import { describe, expect, it } from 'vitest';
import { deriveBackward, gradientName } from '../../../main/engine/derive/backward.ts';
import { deriveForward } from '../../../main/engine/derive/forward.ts';
import { AdaptedGraph, adaptableTargets, isAdapterParam } from '../../../main/engine/derive/lora.ts';
import { atom } from '../../../main/engine/ir/axes.ts';
import { GraphBuilder, shapeOf, type Value } from '../../../main/engine/ir/graph.ts';
import { bias, linear, silu } from '../../../main/engine/ops/index.ts';
import { blockGraph } from '../../../main/engine/runtime/model-graph.ts';
import type { Dtype } from '../../../main/engine/tensor/dtype.ts';
import { llamaTargets } from '../../fixtures/adapted-network.ts';
import { picoModel } from '../../fixtures/pico-config.ts';

const adaptation = { rank: 2, alpha: 4, targets: ['up', 'down'], masked: false };

/** A layer that no family here has: biased, one module without an adapter. */
function layer(graph: GraphBuilder): Value {
  const x = graph.input('x', 'float', ['batch', 'sequence', 6]);
  const project = (name: string, from: Value, shape: [number, number]): Value => {
    const product = graph.apply(linear, { x: from, weight: graph.param(`mlp.${name}.weight`, shape) }).y;
    return graph.apply(bias, { x: product, bias: graph.param(`mlp.${name}.bias`, [shape[0]]) }).y;
  };
  const hidden = graph.apply(silu, { x: project('up', x, [10, 6]) }).y;
  return project('down', project('gate', hidden, [10, 10]), [6, 10]);
}

const float32 = (graph: GraphBuilder): Map<string, Dtype> =>
  new Map([...graph.params.keys()].map((name) => [name, 'F32']));

describe('an adapted graph', () => {
  it('has adapters of the sizes of its linear weights, by the ops alone', () => {
    const graph = new AdaptedGraph(adaptation);
    layer(graph);
    expect(graph.adapted).toEqual([
      { module: 'mlp.up', outSize: 10, inSize: 6 },
      { module: 'mlp.down', outSize: 6, inSize: 10 },
    ]);
    const shapes = [...graph.params]
      .filter(([name]) => isAdapterParam(name))
      .map(([name, v]) => [name, shapeOf(v)]);
    expect(Object.fromEntries(shapes)).toEqual({
      'mlp.up.lora_A.weight': [2, 6],
      'mlp.up.lora_B.weight': [10, 2],
      'mlp.down.lora_A.weight': [2, 10],
      'mlp.down.lora_B.weight': [6, 2],
    });
  });

  it('takes a mask as wide as what each adapter reads, and only where it is to be masked', () => {
    const inputsOf = (masked: boolean): string[] => {
      const graph = new AdaptedGraph({ ...adaptation, masked });
      const y = layer(graph);
      return deriveForward(graph, { y }, float32(graph)).inputs.filter((name) => name.includes('dropout'));
    };
    expect(inputsOf(false)).toEqual([]);
    expect(inputsOf(true).sort()).toEqual(['mlp.down.lora_dropout', 'mlp.up.lora_dropout']);
    const graph = new AdaptedGraph({ ...adaptation, masked: true });
    layer(graph);
    const mask = graph.inputs.get('mlp.down.lora_dropout');
    expect(mask && shapeOf(mask)).toEqual(['batch', 'sequence', 10]);
  });

  it('refuses a mask over an axis that is neither batch, sequence nor fixed', () => {
    const graph = new AdaptedGraph({ ...adaptation, masked: true });
    const known = graph.input('x', 'float', [6]);
    const x = { ...known, axes: [atom('rows', 'dynamic'), ...known.axes] };
    expect(() => graph.apply(linear, { x, weight: graph.param('up.weight', [4, 6]) })).toThrow(
      "An adapter's input has the axis rows; known are batch and sequence.",
    );
  });

  it('gives out the adapters’ gradients and the layer’s alone', () => {
    const { family, config } = picoModel();
    const graph = new AdaptedGraph({ ...adaptation, targets: llamaTargets });
    const { x, y } = blockGraph(family, config, config.layers[0], graph);
    const params = [...graph.params.values()].filter(({ name }) => isAdapterParam(name));
    expect(params).toHaveLength(14);
    const program = deriveBackward(graph, { result: y, inputs: [x], params, contracted: [] }, float32(graph));
    const expected = [gradientName('x'), ...params.map(({ name }) => gradientName(name))];
    expect([...program.outputs].sort()).toEqual(expected.sort());
  });
});

it('what can be adapted follows from the ops', () => {
  const graph = new GraphBuilder();
  layer(graph);
  expect(adaptableTargets(graph)).toEqual(['up', 'gate', 'down']);
  const { family, config } = picoModel();
  expect(adaptableTargets(blockGraph(family, config, config.layers[0]).graph)).toEqual(llamaTargets);
});
