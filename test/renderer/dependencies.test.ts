import { describe, expect, it } from 'vitest';
import { readModelConfig } from '../../main/engine/families/index.ts';
import { ModelDependencies } from '../../main/studio/dependencies.ts';
import { chainSchema, dependencyWeightsSchema, type Chain } from '../../preload/dependency-contract.ts';
import { layoutChain, vertexAfter, vertexSize } from '../../renderer/dependencies/chain-layout.ts';
import { chosenOf, routeOf } from '../../renderer/dependencies/chosen.ts';
import { isLit, litBoxes } from '../../renderer/model-map/lit-chain.ts';
import { layoutMap } from '../../renderer/model-map/map-layout.ts';
import { wholeModel } from '../../renderer/model-map/map-layers.ts';
import { dependenciesAt } from '../../renderer/studio/route.ts';
import { picoConfigJson } from '../fixtures/pico-config.ts';

const model = readModelConfig({ ...picoConfigJson, num_hidden_layers: 6, num_key_value_heads: 2 });
const dependencies = new ModelDependencies(model);
const weights = dependencyWeightsSchema.parse({ parts: dependencies.weights() });
const chainAt = (param: string, dim: number, index: number, open = 0): Chain =>
  chainSchema.parse(dependencies.chain({ param, dim, index }, open));

const head = chainAt('model.layers.2.self_attn.q_proj.weight', 0, 9);
const hidden = chainAt('model.layers.2.self_attn.q_proj.weight', 1, 9, 2);

describe('the weights of a model', () => {
  it('are those before the layers, of each layer, and after them', () => {
    expect(weights.parts.map(({ place }) => place)).toEqual(['embedding', 0, 1, 2, 3, 4, 5, 'head']);
    expect(weights.parts[0].weights).toEqual([
      { name: 'model.embed_tokens.weight', label: 'model.embed_tokens.weight', shape: [11, 16] },
    ]);
    expect(weights.parts[7].weights.map(({ name }) => name)).toEqual(['model.norm.weight', 'lm_head.weight']);
    expect(weights.parts[3].structures).toEqual({
      heads: { param: 'model.layers.2.self_attn.k_proj.weight', rowsPerUnit: 4 },
      channels: { param: 'model.layers.2.mlp.gate_proj.weight', rowsPerUnit: 1 },
    });
  });

  it('are found again by an address, and the nearest where it names what is not there', () => {
    const chosen = (route: Parameters<typeof chosenOf>[1]): unknown => {
      const { part, weight, dim, index } = chosenOf(weights, route) ?? {};
      return [part?.place, weight?.label, dim, index];
    };
    expect(chosen(routeOf(3, 'model.layers.3.mlp.down_proj.weight', 1, 7))).toEqual([
      3,
      'mlp.down_proj.weight',
      1,
      7,
    ]);
    expect(chosen(routeOf(3, 'model.norm.weight', 1, 700))).toEqual(['head', 'model.norm.weight', 0, 15]);
    expect(chosen(dependenciesAt(4))).toEqual([4, 'self_attn.k_proj.weight', 0, 0]);
    expect(chosen(dependenciesAt(40))).toEqual([0, 'self_attn.k_proj.weight', 0, 0]);
    expect(chosen(dependenciesAt('head'))).toEqual(['head', 'model.norm.weight', 0, 0]);
  });
});

describe('the picture of a chain', () => {
  it.each([
    ['a head', head],
    ['a hidden index', hidden],
  ])('lays nothing over anything else: %s', (_name, chain) => {
    const places = [...layoutChain(chain).values()];
    expect(places).toHaveLength(chain.vertices.length);
    for (const [i, a] of places.entries()) {
      for (const b of places.slice(i + 1)) {
        const apart = Math.abs(a.x - b.x) >= vertexSize.width || Math.abs(a.y - b.y) >= vertexSize.height;
        expect(apart).toBe(true);
      }
    }
  });

  it('lets data flow downwards', () => {
    const places = layoutChain(head);
    for (const { from, to } of head.edges)
      expect(places.get(from)?.y).toBeLessThan(places.get(to)?.y ?? -Infinity);
  });

  it.each([
    ['a head', head],
    ['a hidden index', hidden],
  ])('can be walked by arrows, to every vertex and back: %s', (_name, chain) => {
    const places = layoutChain(chain);
    const start = chain.vertices.find(({ step }) => step === 0)?.id ?? '';
    const reached = new Set([start]);
    for (const id of reached) {
      for (const key of ['ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight']) {
        const to = vertexAfter(chain, places, id, key);
        if (to !== null) reached.add(to);
      }
      expect(vertexAfter(chain, places, id, 'Home')).toBe(start);
      expect(vertexAfter(chain, places, id, 'Enter')).toBeNull();
    }
    expect(reached.size).toBe(chain.vertices.length);
  });
});

describe('what lights up on the map', () => {
  const layers = wholeModel(model.config.layers);
  const layout = layoutMap(model.config.layers, { width: 400, height: 300, isThumbnail: false });

  it('is the KV group, with its query heads', () => {
    expect(head.lit).toEqual({ layers: [2], embedding: false, head: false, kvHead: 1, channel: null });
    const rows = [0, 1, 2, 3, 4].map((row) => isLit(head.lit, layers, { column: 2, row }));
    expect(rows).toEqual([false, false, true, true, false]);
    expect(isLit(head.lit, layers, { column: 1, row: 2 })).toBe(false);
    const [box, ...others] = litBoxes(head.lit, layers, layout);
    const { heads } = layout.columns[2];
    expect([box.y, box.height, others.length]).toEqual([
      heads[2].y,
      heads[3].y + heads[3].height - heads[2].y,
      0,
    ]);
  });

  it('is the bar of the MLP, with a line where the channel lies', () => {
    const { lit } = chainAt('model.layers.5.mlp.down_proj.weight', 1, 0);
    expect(lit).toMatchObject({ layers: [5], kvHead: null, channel: 0 });
    const [bar, line] = litBoxes(lit, layers, layout);
    expect(line.isLine).toBe(true);
    expect(line.y).toBeGreaterThan(bar.y);
    expect(line.y).toBeLessThan(bar.y + bar.height);
    expect(isLit(lit, layers, { column: 5, row: 4 })).toBe(true);
    expect(isLit(lit, layers, { column: 5, row: 0 })).toBe(false);
  });

  it('is everything for a hidden index, and nothing for a token', () => {
    expect(hidden.lit).toMatchObject({ layers: [0, 1, 2, 3, 4, 5], embedding: true, head: true });
    expect(litBoxes(hidden.lit, layers, layout)).toHaveLength(2 + 2 * 6);
    const locked = chainAt('model.embed_tokens.weight', 0, 3);
    expect(locked).toMatchObject({ unit: null, locks: ['the vocabulary belongs to the tokenizer'] });
    expect(litBoxes(locked.lit, layers, layout)).toEqual([]);
  });

  it('counts the weights that the rule alone comes to', () => {
    expect([head.weightCount, head.weightsByRule]).toEqual([4, 1]);
    expect([hidden.weightCount, hidden.weightsByRule]).toEqual([6 * 9 + 3, 1]);
  });
});
