import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LayerShape } from '../../../main/engine/families/family.ts';
import { readModelConfig } from '../../../main/engine/families/index.ts';
import { picoConfigJson, picoModel } from '../../fixtures/pico-config.ts';

describe('writing config.json', () => {
  const layerShape = fc
    .record({
      kvHeads: fc.integer({ min: 1, max: 6 }),
      rep: fc.integer({ min: 1, max: 4 }),
      mlpWidth: fc.integer({ min: 1, max: 50 }),
    })
    .map(({ kvHeads, rep, mlpWidth }): LayerShape => ({ heads: kvHeads * rep, kvHeads, mlpWidth }));
  const sources = [
    {},
    { rope_theta: 500000, tie_word_embeddings: true },
    { rope_parameters: { rope_type: 'linear', factor: 2, rope_theta: 1e4 }, head_dim: 6 },
    { attention_bias: true, sliding_window: null },
    {
      intermediate_size_per_layer: [3, 9],
      num_attention_heads_per_layer: [4, 2],
      num_key_value_heads_per_layer: [2, 2],
    },
  ];

  it('is read back as it was meant, whatever the widths', () => {
    fc.assert(
      fc.property(
        fc.tuple(layerShape, layerShape),
        fc.integer({ min: 1, max: 16 }),
        fc.boolean(),
        fc.constantFrom(...sources),
        ([a, b], hiddenSize, alike, source) => {
          const { family, config } = picoModel(source);
          const layers = alike ? [a, a] : [a, b];
          const written: unknown = JSON.parse(
            JSON.stringify(family.writeConfig(config, { hiddenSize, layers }).json),
          );
          const { config: found } = readModelConfig(written);
          // What a LLaMA's loader would refuse is written, and read back, as a Mistral.
          expect(['llama', 'mistral']).toContain(found.familyId);
          const expected = { ...config, hiddenSize, layers, source: {} };
          expect({ ...found, familyId: 'llama', source: {} }).toEqual(expected);
        },
      ),
      { seed: 2, numRuns: 200 },
    );
  });

  const write = (
    layers: readonly LayerShape[],
    changes: Record<string, unknown> = {},
  ): { json: Record<string, unknown>; loaders: string } => {
    const { family, config } = picoModel(changes);
    return family.writeConfig(config, { hiddenSize: config.hiddenSize, layers });
  };

  it('of equal layers is a LLaMA in stock keys', () => {
    const shape = { heads: 2, kvHeads: 1, mlpWidth: 7 };
    const { json, loaders } = write([shape, shape], {
      num_key_value_heads: 2,
      intermediate_size_per_layer: [10, 9],
    });
    expect(json).toEqual({
      ...picoConfigJson,
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      head_dim: 4,
      num_attention_heads: 2,
      num_key_value_heads: 1,
      intermediate_size: 7,
    });
    expect(loaders).toBe('transformers (LlamaForCausalLM) and LLM-Pruner Studio open this folder.');
  });

  it('of equal layers whose heads do not divide the hidden size is a Mistral without a window', () => {
    const shape = { heads: 3, kvHeads: 3, mlpWidth: 7 };
    const { json, loaders } = write([shape, shape]);
    expect(json).toMatchObject({
      architectures: ['MistralForCausalLM'],
      model_type: 'mistral',
      sliding_window: null,
      head_dim: 4,
      num_attention_heads: 3,
    });
    expect(loaders).toContain('transformers (MistralForCausalLM: the same network');
  });

  it('of fewer hidden indices keeps its heads, and is a Mistral where they no longer divide them', () => {
    const { family, config } = picoModel();
    const widths = (hiddenSize: number): unknown =>
      family.writeConfig(config, { ...config, hiddenSize }).json;
    const kept = { head_dim: 4, num_attention_heads: 4, intermediate_size: 10 };
    expect(widths(12)).toMatchObject({ model_type: 'llama', hidden_size: 12, ...kept });
    expect(widths(13)).toMatchObject({ model_type: 'mistral', hidden_size: 13, ...kept });
  });

  it.each([{ attention_bias: true }, { mlp_bias: true }])('has no Mistral for biases: %o', (biases) => {
    const shape = { heads: 3, kvHeads: 3, mlpWidth: 7 };
    const { json, loaders } = write([shape, shape], biases);
    expect(json).toMatchObject({
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      num_attention_heads: 3,
    });
    expect(loaders).toContain('Mistral has no biases to take its place');
  });

  it('of unequal layers lists every width, and no stock loader opens it', () => {
    const layers = [
      { heads: 4, kvHeads: 2, mlpWidth: 3 },
      { heads: 2, kvHeads: 1, mlpWidth: 10 },
    ];
    const { json, loaders } = write(layers, { num_key_value_heads: 2 });
    expect(json).toMatchObject({
      architectures: ['LlamaForCausalLM'],
      num_attention_heads: 4,
      num_key_value_heads: 2,
      intermediate_size: 10,
      num_attention_heads_per_layer: [4, 2],
      num_key_value_heads_per_layer: [2, 1],
      intermediate_size_per_layer: [3, 10],
    });
    expect(loaders).toContain('which no stock loader can express');
  });
});
