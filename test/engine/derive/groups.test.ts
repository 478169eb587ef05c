import { describe, expect, it } from 'vitest';
import { deriveGroups, groupRootedAt, type CoupledGroup } from '../../../main/engine/derive/groups.ts';
import { blockGraph, modelGraph } from '../../../main/engine/runtime/model-graph.ts';
import { picoModel } from '../../fixtures/pico-config.ts';

const membersOf = ({ members }: CoupledGroup): string[] => members.map(({ param, dim }) => `${param} ${dim}`);

/** Units and members of every group of the whole network, in the order of first use. */
function groupsOf(changes: Record<string, unknown>): { units: number; members: string[] }[] {
  const { family, config } = picoModel(changes);
  const { graph } = modelGraph(family, config);
  return deriveGroups(graph).map((group) => ({ units: group.unitCount, members: membersOf(group) }));
}

/** Dimension 0 of a weight is its rows (outputs), 1 its columns (inputs). */
const layerHidden = (layer: number): string[] => [
  `model.layers.${layer}.input_layernorm.weight 0`,
  `model.layers.${layer}.self_attn.q_proj.weight 1`,
  `model.layers.${layer}.self_attn.k_proj.weight 1`,
  `model.layers.${layer}.self_attn.v_proj.weight 1`,
  `model.layers.${layer}.self_attn.o_proj.weight 0`,
  `model.layers.${layer}.post_attention_layernorm.weight 0`,
  `model.layers.${layer}.mlp.gate_proj.weight 1`,
  `model.layers.${layer}.mlp.up_proj.weight 1`,
  `model.layers.${layer}.mlp.down_proj.weight 0`,
];

const headsOf = (layer: number, units: number): { units: number; members: string[] } => ({
  units,
  members: [
    `model.layers.${layer}.self_attn.q_proj.weight 0`,
    `model.layers.${layer}.self_attn.k_proj.weight 0`,
    `model.layers.${layer}.self_attn.v_proj.weight 0`,
    `model.layers.${layer}.self_attn.o_proj.weight 1`,
  ],
});

/** Dimensions within a value head: no rotary position pairs them, so they could go, the same ones in every head. */
const valueDimensionsOf = (layer: number): { units: number; members: string[] } => ({
  units: 4,
  members: [
    `model.layers.${layer}.self_attn.v_proj.weight 0`,
    `model.layers.${layer}.self_attn.o_proj.weight 1`,
  ],
});

const channelsOf = (layer: number): { units: number; members: string[] } => ({
  units: 10,
  members: [
    `model.layers.${layer}.mlp.gate_proj.weight 0`,
    `model.layers.${layer}.mlp.up_proj.weight 0`,
    `model.layers.${layer}.mlp.down_proj.weight 1`,
  ],
});

const hidden = (...last: string[]): { units: number; members: string[] } => ({
  units: 16,
  members: [
    'model.embed_tokens.weight 1',
    ...layerHidden(0),
    ...layerHidden(1),
    'model.norm.weight 0',
    ...last,
  ],
});

const layersWith = (attentionUnits: number): { units: number; members: string[] }[] =>
  [0, 1].flatMap((layer) => [headsOf(layer, attentionUnits), valueDimensionsOf(layer), channelsOf(layer)]);

describe('the groups of a whole LLaMA', () => {
  it.each([
    ['MHA', {}, 4],
    ['GQA', { num_key_value_heads: 2 }, 2],
    ['MQA', { num_key_value_heads: 1 }, 1],
  ])(
    '%s: one over the hidden axis; heads, value dimensions and channels in each layer; none else',
    (_name, changes, units) => {
      expect(groupsOf(changes)).toEqual([hidden('lm_head.weight 1'), ...layersWith(units)]);
    },
  );

  it('has the tied embedding once', () => {
    expect(groupsOf({ tie_word_embeddings: true })).toEqual([hidden(), ...layersWith(4)]);
  });

  it('has the biases of projections beside their rows', () => {
    const [all, heads, values, channels] = groupsOf({
      num_hidden_layers: 1,
      attention_bias: true,
      mlp_bias: true,
    });
    expect(heads.members).toEqual([
      'model.layers.0.self_attn.q_proj.weight 0',
      'model.layers.0.self_attn.q_proj.bias 0',
      'model.layers.0.self_attn.k_proj.weight 0',
      'model.layers.0.self_attn.k_proj.bias 0',
      'model.layers.0.self_attn.v_proj.weight 0',
      'model.layers.0.self_attn.v_proj.bias 0',
      'model.layers.0.self_attn.o_proj.weight 1',
    ]);
    expect(values.members).toContain('model.layers.0.self_attn.v_proj.bias 0');
    expect(channels.members).toContain('model.layers.0.mlp.up_proj.bias 0');
    expect(all.members).toContain('model.layers.0.self_attn.o_proj.bias 0');
    expect(all.members).toContain('model.layers.0.mlp.down_proj.bias 0');
  });

  it('has layers of different width side by side', () => {
    const groups = groupsOf({
      head_dim: 4,
      num_attention_heads_per_layer: [2, 4],
      num_key_value_heads_per_layer: [1, 4],
      intermediate_size_per_layer: [3, 10],
    });
    expect(groups).toEqual([
      hidden('lm_head.weight 1'),
      headsOf(0, 1),
      valueDimensionsOf(0),
      { ...channelsOf(0), units: 3 },
      headsOf(1, 4),
      valueDimensionsOf(1),
      channelsOf(1),
    ]);
  });
});

describe('what never joins a group', () => {
  const dimensionsInGroups = (changes: Record<string, unknown>): Set<string> =>
    new Set(groupsOf(changes).flatMap(({ members }) => members));

  it.each([{}, { num_key_value_heads: 2 }, { tie_word_embeddings: true }])(
    'the vocabulary: %o',
    (changes) => {
      const found = dimensionsInGroups(changes);
      expect(found).not.toContain('model.embed_tokens.weight 0');
      expect(found).not.toContain('lm_head.weight 0');
    },
  );

  it('the dimensions of a head that rotary positions pair: q and k rows have no unit but the head', () => {
    const { family, config } = picoModel({ num_key_value_heads: 2 });
    const { graph } = modelGraph(family, config);
    for (const name of ['q_proj', 'k_proj']) {
      const rows = deriveGroups(graph).filter((group) =>
        membersOf(group).includes(`model.layers.0.self_attn.${name}.weight 0`),
      );
      expect(rows.map(({ unitCount }) => unitCount)).toEqual([2]);
    }
  });

  it('batch and sequence: every group has a fixed number of units', () => {
    for (const { units } of groupsOf({})) expect(Number.isInteger(units)).toBe(true);
  });
});

describe('units of a member', () => {
  const { family, config } = picoModel({ num_key_value_heads: 2 });
  const { graph } = modelGraph(family, config);
  const unitsOf = (root: string, param: string, dim: number): number[] => {
    const group = groupRootedAt(deriveGroups(graph), root);
    const member = group?.members.find((candidate) => candidate.param === param && candidate.dim === dim);
    return [...(member?.unitOf ?? [])];
  };
  const runs = (...lengths: number[]): number[] =>
    lengths.flatMap((length, unit) => new Array<number>(length).fill(unit));

  it('a KV head has its rows of k and v, and the rows of q and columns of o of both of its query heads', () => {
    const root = 'model.layers.1.self_attn.k_proj.weight';
    expect(unitsOf(root, root, 0)).toEqual(runs(4, 4));
    expect(unitsOf(root, 'model.layers.1.self_attn.v_proj.weight', 0)).toEqual(runs(4, 4));
    expect(unitsOf(root, 'model.layers.1.self_attn.q_proj.weight', 0)).toEqual(runs(8, 8));
    expect(unitsOf(root, 'model.layers.1.self_attn.o_proj.weight', 1)).toEqual(runs(8, 8));
  });

  it('an MLP channel has one row of gate and up and one column of down', () => {
    const root = 'model.layers.0.mlp.gate_proj.weight';
    for (const [name, dim] of [
      ['gate', 0],
      ['up', 0],
      ['down', 1],
    ] as const) {
      expect(unitsOf(root, `model.layers.0.mlp.${name}_proj.weight`, dim)).toEqual(
        runs(...new Array<number>(10).fill(1)),
      );
    }
  });
});

describe('the closure', () => {
  it.each([
    ['MHA', {}, ['q_proj', 'k_proj', 'v_proj']],
    ['GQA', { num_key_value_heads: 2 }, ['q_proj', 'k_proj', 'v_proj']],
    // The one KV head is no choice, so rows of v open the dimensions within it.
    ['MQA', { num_key_value_heads: 1 }, ['q_proj', 'k_proj']],
  ])(
    '%s: attention rows open the same group of heads, gate and up rows the same of channels',
    (_name, changes, roots) => {
      const { family, config } = picoModel(changes);
      const groups = deriveGroups(blockGraph(family, config, config.layers[0]).graph);
      const heads = groupRootedAt(groups, 'self_attn.q_proj.weight');
      expect(heads && membersOf(heads)).toEqual(
        headsOf(0, 0).members.map((name) => name.replace('model.layers.0.', '')),
      );
      for (const root of roots) expect(groupRootedAt(groups, `self_attn.${root}.weight`), root).toBe(heads);
      const channels = groupRootedAt(groups, 'mlp.gate_proj.weight');
      expect(channels?.unitCount).toBe(10);
      expect(groupRootedAt(groups, 'mlp.up_proj.weight')).toBe(channels);
    },
  );

  it('over the hidden axis is the same from any rows that add to the residual', () => {
    const { family, config } = picoModel();
    const groups = deriveGroups(modelGraph(family, config).graph);
    const roots = [0, 1].flatMap((layer) => [
      `model.layers.${layer}.self_attn.o_proj.weight`,
      `model.layers.${layer}.mlp.down_proj.weight`,
      `model.layers.${layer}.input_layernorm.weight`,
    ]);
    for (const root of roots) expect(groupRootedAt(groups, root), root).toBe(groups[0]);
  });

  it('from any member reaches the whole group: groups that share a dimension share no unit', () => {
    const { family, config } = picoModel({ num_key_value_heads: 2 });
    const groups = deriveGroups(modelGraph(family, config).graph);
    expect(new Set(groups.map(({ unit }) => unit)).size).toBe(groups.length);
    for (const group of groups) {
      for (const { param, dim } of group.members) {
        const others = groups.filter(
          (other) => other !== group && membersOf(other).includes(`${param} ${dim}`),
        );
        // Only rows of v and columns of o have two kinds of units, heads and the dimensions within one.
        const expected = /v_proj\.weight$|o_proj\.weight$/.test(param) && group.unitCount <= 4 ? 1 : 0;
        expect(others.length, `${param} ${dim}`).toBe(expected);
      }
    }
  });

  it('has no group for a root that is not there', () => {
    const { family, config } = picoModel();
    const groups = deriveGroups(blockGraph(family, config, config.layers[0]).graph);
    expect(groupRootedAt(groups, 'self_attn.W_pack.weight')).toBeUndefined();
  });
});
