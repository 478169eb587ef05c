import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collapseLayers } from '../../../main/engine/derive/collapsed-chain.ts';
import {
  dependencyChain,
  isLocked,
  type ChainStart,
  type ChainVertex,
  type DependencyChain,
} from '../../../main/engine/derive/dependency-chain.ts';
import { deriveGroups } from '../../../main/engine/derive/groups.ts';
import { GraphBuilder } from '../../../main/engine/ir/graph.ts';
import { add, bias, linear } from '../../../main/engine/ops/index.ts';
import { modelGraph } from '../../../main/engine/runtime/model-graph.ts';
import { picoModel } from '../../fixtures/pico-config.ts';

const graphOf = (changes: Record<string, unknown> = {}): GraphBuilder => {
  const { family, config } = picoModel(changes);
  return modelGraph(family, config).graph;
};

function chainOf(graph: GraphBuilder, param: string, dim: number, index: number): DependencyChain {
  const found = dependencyChain(graph, { param, dim, index });
  if (isLocked(found)) throw new Error(`${param} is locked: ${found.locks.join(', ')}`);
  return found;
}

/** `self_attn.q_proj.weight 0: 4-8`, in the order of the network. */
const written = ({ vertices }: DependencyChain): string[] =>
  vertices
    .flatMap(({ params }) => params)
    .map(({ name, dim, ranges }) => `${name} ${dim}: ${ranges.map((range) => range.join('-')).join(' ')}`);

const layer0 = (name: string): string => `model.layers.0.${name}.weight`;
const attention = (rows: string, kvRows: string): string[] => [
  `${layer0('self_attn.q_proj')} 0: ${rows}`,
  `${layer0('self_attn.k_proj')} 0: ${kvRows}`,
  `${layer0('self_attn.v_proj')} 0: ${kvRows}`,
  `${layer0('self_attn.o_proj')} 1: ${rows}`,
];

const byOp = ({ vertices }: DependencyChain, op: string): ChainVertex => {
  const found = vertices.find((vertex) => vertex.op === op);
  if (found === undefined) throw new Error(`No ${op} in the chain.`);
  return found;
};

describe('the members of a chain, MHA', () => {
  const graph = graphOf();
  it.each([
    ['row of q', 'self_attn.q_proj', 0, 5],
    ['row of k', 'self_attn.k_proj', 0, 6],
    ['row of v', 'self_attn.v_proj', 0, 7],
    ['column of o', 'self_attn.o_proj', 1, 4],
  ])('a %s takes its head with it', (_name, weight, dim, index) => {
    const chain = chainOf(graph, layer0(weight), dim, index);
    expect(written(chain)).toEqual(attention('4-8', '4-8'));
    expect(chain.unit).toEqual({ index: 1, count: 4 });
    expect(chain.parameters).toBe(4 * 4 * 16);
  });

  it.each([
    ['row of gate', 'mlp.gate_proj', 0],
    ['row of up', 'mlp.up_proj', 0],
    ['column of down', 'mlp.down_proj', 1],
  ])('a %s takes its channel with it', (_name, weight, dim) => {
    const chain = chainOf(graph, layer0(weight), dim, 3);
    expect(written(chain)).toEqual([
      `${layer0('mlp.gate_proj')} 0: 3-4`,
      `${layer0('mlp.up_proj')} 0: 3-4`,
      `${layer0('mlp.down_proj')} 1: 3-4`,
    ]);
    expect(chain.parameters).toBe(3 * 16);
  });

  it.each([
    ['model.embed_tokens.weight', 1],
    ['model.layers.1.self_attn.k_proj.weight', 1],
    ['model.layers.0.mlp.down_proj.weight', 0],
    ['model.norm.weight', 0],
    ['lm_head.weight', 1],
  ])('a hidden index goes through the whole network, from %s dimension %i', (param, dim) => {
    const chain = chainOf(graph, param, dim, 9);
    const [hidden] = deriveGroups(graph);
    expect(written(chain)).toEqual(hidden.members.map((member) => `${member.param} ${member.dim}: 9-10`));
  });

  it('says why a head goes as a whole', () => {
    const chain = chainOf(graph, layer0('self_attn.q_proj'), 0, 5);
    expect(chain.wholeBecause).toEqual(['rotary positions pair the dimensions of a head']);
  });
});

describe('the members of a chain, GQA', () => {
  const graph = graphOf({ num_key_value_heads: 2 });
  it.each([
    ['q', 'self_attn.q_proj', 0, 13, '8-16', '4-8'],
    ['k', 'self_attn.k_proj', 0, 0, '0-8', '0-4'],
    ['v', 'self_attn.v_proj', 0, 5, '8-16', '4-8'],
    ['o', 'self_attn.o_proj', 1, 3, '0-8', '0-4'],
  ])('from %s a KV group with its query heads', (_name, weight, dim, index, rows, kvRows) => {
    expect(written(chainOf(graph, layer0(weight), dim, index))).toEqual(attention(rows, kvRows));
  });
});

describe('what is locked', () => {
  it.each([
    ['a row of the embedding', {}, 'model.embed_tokens.weight', ['the vocabulary belongs to the tokenizer']],
    ['a row of the head', {}, 'lm_head.weight', ['the vocabulary belongs to the tokenizer']],
    [
      'a row of the only KV head',
      { num_key_value_heads: 1 },
      layer0('self_attn.k_proj'),
      ['rotary positions pair the dimensions of a head'],
    ],
  ])('%s pulls nothing along, and says why', (_name, changes, param, locks) => {
    expect(dependencyChain(graphOf(changes), { param, dim: 0, index: 3 })).toEqual({ locks });
  });
});

describe('a place that is not there', () => {
  it.each([
    ['model.layers.0.self_attn.W_pack.weight', 0, 0],
    [layer0('self_attn.q_proj'), 0, 16],
    [layer0('input_layernorm'), 1, 0],
  ])('is refused: %s %i %i', (param, dim, index) => {
    expect(() => dependencyChain(graphOf(), { param, dim, index })).toThrow(/is not in the model/);
  });
});

describe('the rule and its degrees', () => {
  const graph = graphOf();
  const ruleAt = (chain: DependencyChain, vertex: ChainVertex): string | undefined =>
    chain.edges.find(({ id }) => id === vertex.via)?.rule;

  it('comes from a column of o to the whole head, backwards: every out-degree is 1', () => {
    const chain = chainOf(graph, layer0('self_attn.o_proj'), 1, 4);
    expect(chain.vertices.every(({ byRule }) => byRule)).toBe(true);
    expect(new Set(chain.edges.map(({ rule }) => rule))).toEqual(new Set(['backward']));
    expect(byOp(chain, 'attention')).toMatchObject({ inDegree: 3, outDegree: 1, step: 2 });
  });

  it('stops, from a row of q, before attention, which three projections feed; the axis goes on', () => {
    const chain = chainOf(graph, layer0('self_attn.q_proj'), 0, 4);
    const reached = chain.vertices.filter(({ byRule }) => byRule).map(({ op }) => op);
    expect(reached).toEqual(['linear', 'splitHeads', 'rotary']);
    expect(ruleAt(chain, byOp(chain, 'attention'))).toBe('beyond');
    expect(ruleAt(chain, byOp(chain, 'mergeHeads'))).toBe('forward');
    const steps = chain.vertices.filter(({ params }) => params.length > 0).map(({ step }) => step);
    expect(steps).toEqual([0, 6, 5, 5]);
  });

  it('takes the gate forwards as far as the product, and the product backwards', () => {
    const chain = chainOf(graph, layer0('mlp.gate_proj'), 0, 0);
    expect(byOp(chain, 'multiply')).toMatchObject({ inDegree: 2, outDegree: 1 });
    expect(ruleAt(chain, byOp(chain, 'silu'))).toBe('forward');
    expect(ruleAt(chain, byOp(chain, 'multiply'))).toBe('beyond');
    const back = chainOf(graph, layer0('mlp.down_proj'), 1, 0);
    expect(back.vertices.every(({ byRule }) => byRule)).toBe(true);
  });

  it('knows a residual addition by its in-degree of 2', () => {
    const chain = chainOf(graph, 'model.embed_tokens.weight', 1, 0);
    const into = byOp(chain, 'add');
    expect(into).toMatchObject({ inDegree: 2, outDegree: 2, byRule: false });
    expect(ruleAt(chain, into)).toBe('beyond');
    expect(byOp(chain, 'rmsNorm')).toMatchObject({ inDegree: 1, outDegree: 3, byRule: true });
  });

  it('counts a tied embedding once, and names the tie', () => {
    const tied = graphOf({ tie_word_embeddings: true });
    const chain = chainOf(tied, 'model.embed_tokens.weight', 1, 0);
    expect(chain.vertices.filter(({ step }) => step === 0)).toHaveLength(2);
    expect(chain.edges.filter(({ rule }) => rule === 'shared')).toHaveLength(1);
    const untied = chainOf(graph, 'model.embed_tokens.weight', 1, 0);
    expect(untied.parameters - chain.parameters).toBe(11);
  });

  it('holds in both directions of a plain chain: rows, bias, columns', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'float', ['batch', 5]);
    const rows = g.apply(linear, { x, weight: g.param('first.weight', [3, 5]) }).y;
    const moved = g.apply(bias, { x: rows, bias: g.param('first.bias', [3]) }).y;
    g.apply(linear, { x: moved, weight: g.param('second.weight', [2, 3]) });
    for (const [param, dim] of [
      ['first.weight', 0],
      ['first.bias', 0],
      ['second.weight', 1],
    ] as const) {
      const chain = chainOf(g, param, dim, 2);
      expect(written(chain)).toEqual(['first.weight 0: 2-3', 'first.bias 0: 2-3', 'second.weight 1: 2-3']);
      expect(chain.vertices.every(({ byRule }) => byRule)).toBe(true);
    }
  });

  it('has no way by the rule from one side of an addition to the other', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'float', ['batch', 4]);
    const side = (name: string): ReturnType<typeof g.param> =>
      g.apply(linear, { x, weight: g.param(name, [3, 4]) }).y;
    g.apply(add, { a: side('left'), b: side('right') });
    const chain = chainOf(g, 'left', 0, 1);
    expect(chain.edges.map(({ rule }) => rule)).toEqual(['beyond', 'backward']);
    expect(chain.vertices.map(({ byRule }) => byRule)).toEqual([true, false, false]);
  });
});

describe('a chain from any place', () => {
  const graphs = [{}, { num_key_value_heads: 2 }, { attention_bias: true, mlp_bias: true }].map(graphOf);
  const anyStart = fc
    .constantFrom(...graphs)
    .chain((graph) =>
      fc
        .constantFrom(...deriveGroups(graph).flatMap(({ members }) => members))
        .chain(({ param, dim, unitOf }) =>
          fc.nat(unitOf.length - 1).map((index) => ({ graph, start: { param, dim, index } })),
        ),
    );
  const key = ({ param, dim, index }: ChainStart): string => `${param} ${dim} ${index}`;

  it('is the same from each of its members: going along leads back', () => {
    fc.assert(
      fc.property(anyStart, ({ graph, start }) => {
        const chain = chainOf(graph, start.param, start.dim, start.index);
        for (const { name, dim, ranges } of chain.vertices.flatMap(({ params }) => params)) {
          const other = chainOf(graph, name, dim, ranges[0][0]);
          expect(written(other), key(start)).toEqual(written(chain));
        }
      }),
      { numRuns: 30 },
    );
  });

  it('holds what the group of its unit holds, and each vertex but the first is come to over an edge', () => {
    fc.assert(
      fc.property(anyStart, ({ graph, start }) => {
        const chain = chainOf(graph, start.param, start.dim, start.index);
        const group = deriveGroups(graph).find(
          ({ unitCount, members }) =>
            unitCount === chain.unit.count &&
            members.some(({ param, dim }) => param === start.param && dim === start.dim),
        );
        const expected = group?.members.map(({ param, dim, unitOf }) => {
          const rows = [...unitOf.keys()].filter((i) => unitOf[i] === chain.unit.index);
          return `${param} ${dim} ${rows.join()}`;
        });
        const found = chain.vertices.flatMap(({ params }) =>
          params.map(({ name, dim, ranges }) => {
            const rows = ranges.flatMap(([from, to]) =>
              Array.from({ length: to - from }, (_, i) => from + i),
            );
            return `${name} ${dim} ${rows.join()}`;
          }),
        );
        expect(found).toEqual(expected);
        const edges = new Map(chain.edges.map((edge) => [edge.id, edge]));
        for (const { id, step, via } of chain.vertices) {
          if (step === 0) continue;
          const edge = edges.get(via ?? '');
          expect([edge?.from, edge?.to], key(start)).toContain(id);
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('a chain through many layers, collapsed', () => {
  const graph = graphOf({ num_hidden_layers: 8 });
  const placed = (name: string): ReturnType<Parameters<typeof collapseLayers>[1]> => {
    const [, layer, label] = /^model\.layers\.(\d+)\.(.*)$/.exec(name) ?? [];
    if (layer !== undefined && label !== undefined) return { place: Number(layer), label };
    return { place: name.includes('embed') ? 'embedding' : 'head', label: name };
  };
  const chain = chainOf(graph, 'model.norm.weight', 0, 2);

  it('is one vertex before and one behind the open layer, whatever the number of layers', () => {
    const { vertices } = collapseLayers(chain, placed, 5);
    const layers = vertices.filter(({ op }) => op === 'layers');
    expect(layers.map(({ place }) => place)).toEqual([
      [0, 4],
      [6, 7],
    ]);
    expect(layers[0].params.map(({ label, dim, layers: alike }) => `${label} ${dim} x${alike}`)).toEqual([
      'input_layernorm.weight 0 x5',
      'self_attn.q_proj.weight 1 x5',
      'self_attn.k_proj.weight 1 x5',
      'self_attn.v_proj.weight 1 x5',
      'self_attn.o_proj.weight 0 x5',
      'post_attention_layernorm.weight 0 x5',
      'mlp.gate_proj.weight 1 x5',
      'mlp.up_proj.weight 1 x5',
      'mlp.down_proj.weight 0 x5',
    ]);
    expect(vertices.reduce((total, { stands }) => total + stands, 0)).toBe(chain.vertices.length);
    expect(vertices.filter(({ place }) => place === 5)).toHaveLength(11);
  });

  it.each([
    [0, [[1, 7]]],
    [7, [[0, 6]]],
    [99, [[1, 7]]],
  ])('opened at %i', (open, collapsed) => {
    const { vertices } = collapseLayers(chain, placed, open);
    expect(vertices.filter(({ op }) => op === 'layers').map(({ place }) => place)).toEqual(collapsed);
  });

  it('keeps every edge between what is shown, with its parts', () => {
    const { vertices, edges } = collapseLayers(chain, placed, 5);
    const ids = new Set(vertices.map(({ id }) => id));
    for (const { from, to } of edges) expect(ids.has(from) && ids.has(to)).toBe(true);
    // The hidden states of layer 4 enter layer 5 at its norm and at its residual addition.
    const out = edges.filter(({ from }) => from === 'layers before');
    expect(out.map(({ parts }) => parts.length)).toEqual([1, 1]);
    const into = edges.find(({ to }) => to === 'layers after');
    // Against the data to what is read twice, and from there with it to the norm.
    expect(into?.parts.map(({ rule }) => rule).sort()).toEqual(['beyond', 'forward']);
  });

  it('leaves a chain within one layer as it is', () => {
    const head = chainOf(graph, 'model.layers.5.self_attn.q_proj.weight', 0, 0);
    const collapsed = collapseLayers(head, placed, 0);
    expect(collapsed.vertices.map(({ id }) => id)).toEqual(head.vertices.map(({ id }) => id));
    expect(collapsed.edges).toHaveLength(head.edges.length);
  });
});
