import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { dependencyChain, isLocked } from '../../../main/engine/derive/dependency-chain.ts';
import { readModelConfig } from '../../../main/engine/families/index.ts';
import { layerGroups } from '../../../main/engine/prune/layer-groups.ts';
import { blockGraph } from '../../../main/engine/runtime/model-graph.ts';
import { goldenFamily } from '../../fixtures/golden-files.ts';

const described = (name: string): ReturnType<typeof readModelConfig> =>
  readModelConfig(JSON.parse(readFileSync(path.join(goldenFamily(name).folder, 'config.json'), 'utf8')));

/** `name dimension: from-to …` of what goes with one unit of a layer's group, in order of use. */
function members(name: string, kind: 'attention' | 'mlp', unit: number): string[] {
  const { family, config } = described(name);
  const { group } = layerGroups(family, config, config.layers[0])[kind];
  return group.members.map(({ param, dim, unitOf }) => {
    const indices = [...unitOf].flatMap((of, i) => (of === unit ? [i] : []));
    return `${param} ${dim}: ${runs(indices)}`;
  });
}

/** Ascending indices as `from-to`, `to` not counted. */
function runs(indices: readonly number[]): string {
  const starts = indices.filter((index, i) => i === 0 || index !== indices[i - 1] + 1);
  return starts
    .map((start) => {
      let end = start;
      while (indices.includes(end)) end++;
      return `${start}-${end}`;
    })
    .join(' ');
}

describe('what goes together in fused weights', () => {
  it.each<[string, 'attention' | 'mlp', number, string[]]>([
    // 8 heads of 8 over 2 KV heads: rows 0-64 queries, 64-80 keys, 80-96 values.
    [
      'chatglm2',
      'attention',
      1,
      [
        'self_attention.query_key_value.weight 0: 32-64 72-80 88-96',
        'self_attention.query_key_value.bias 0: 32-64 72-80 88-96',
        'self_attention.dense.weight 1: 32-64',
      ],
    ],
    // Channels of width 40: gate rows 0-40, up rows 40-80.
    ['chatglm2', 'mlp', 7, ['mlp.dense_h_to_4h.weight 0: 7-8 47-48', 'mlp.dense_4h_to_h.weight 1: 7-8']],
    // The one KV head is the whole of attention.
    [
      'chatglm3',
      'attention',
      0,
      [
        'self_attention.query_key_value.weight 0: 0-60',
        'self_attention.query_key_value.bias 0: 0-60',
        'self_attention.dense.weight 1: 0-36',
      ],
    ],
    // Head by head: 3·8 rows each.
    [
      'bloom',
      'attention',
      2,
      [
        'self_attention.query_key_value.weight 0: 48-72',
        'self_attention.query_key_value.bias 0: 48-72',
        'self_attention.dense.weight 1: 16-24',
      ],
    ],
    [
      'bloom',
      'mlp',
      5,
      ['mlp.dense_h_to_4h.weight 0: 5-6', 'mlp.dense_h_to_4h.bias 0: 5-6', 'mlp.dense_4h_to_h.weight 1: 5-6'],
    ],
    [
      'chatglm',
      'attention',
      3,
      [
        'attention.query_key_value.weight 0: 72-96',
        'attention.query_key_value.bias 0: 72-96',
        'attention.dense.weight 1: 24-32',
      ],
    ],
    // Three thirds of 4 heads of 8.
    [
      'baichuan-7b',
      'attention',
      1,
      ['self_attn.W_pack.weight 0: 8-16 40-48 72-80', 'self_attn.o_proj.weight 1: 8-16'],
    ],
    [
      'baichuan-13b',
      'attention',
      5,
      ['self_attn.W_pack.weight 0: 30-36 66-72 102-108', 'self_attn.o_proj.weight 1: 30-36'],
    ],
    // The norms over a head's dimensions are shared by all heads: they are no part of it.
    [
      'qwen3',
      'attention',
      1,
      [
        'self_attn.q_proj.weight 0: 24-48',
        'self_attn.k_proj.weight 0: 12-24',
        'self_attn.v_proj.weight 0: 12-24',
        'self_attn.o_proj.weight 1: 24-48',
      ],
    ],
    [
      'qwen2',
      'attention',
      0,
      [
        'self_attn.q_proj.weight 0: 0-24',
        'self_attn.q_proj.bias 0: 0-24',
        'self_attn.k_proj.weight 0: 0-8',
        'self_attn.k_proj.bias 0: 0-8',
        'self_attn.v_proj.weight 0: 0-8',
        'self_attn.v_proj.bias 0: 0-8',
        'self_attn.o_proj.weight 1: 0-24',
      ],
    ],
  ])('%s, %s unit %i', (name, kind, unit, expected) => {
    expect(members(name, kind, unit)).toEqual(expected);
  });

  it.each([
    ['chatglm2', 'self_attention.query_key_value.weight', 75],
    ['bloom', 'self_attention.query_key_value.weight', 55],
    ['baichuan-7b', 'self_attn.W_pack.weight', 41],
  ])('%s: the chain from row %#, a key’s, comes to the columns that read its head', (name, param, index) => {
    const { family, config } = described(name);
    const { graph } = blockGraph(family, config, config.layers[0]);
    const chain = dependencyChain(graph, { param, dim: 0, index });
    if (isLocked(chain)) throw new Error(chain.locks.join());
    const found = chain.vertices.flatMap(({ params }) =>
      params.map((member) => `${member.name} ${member.dim}`),
    );
    const groups = layerGroups(family, config, config.layers[0]);
    const expected = groups.attention.group.members.map((member) => `${member.param} ${member.dim}`);
    expect([...new Set(found)].sort()).toEqual(expected.sort());
  });
});
