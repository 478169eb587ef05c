import { describe, expect, it } from 'vitest';
import { readModelConfig } from '../../../main/engine/families/index.ts';
import { picoConfigJson, picoModel } from '../../fixtures/pico-config.ts';

const readPico = (changes: Record<string, unknown>): unknown =>
  readModelConfig({ ...picoConfigJson, ...changes });

describe('reading config.json', () => {
  it('takes what the keys say', () => {
    const { family, config } = picoModel({
      num_key_value_heads: 2,
      head_dim: 6,
      max_position_embeddings: 512,
      tie_word_embeddings: true,
      attention_bias: true,
      mlp_bias: false,
    });
    expect(family.id).toBe('llama');
    const shape = { heads: 4, kvHeads: 2, mlpWidth: 10 };
    expect(config).toMatchObject({
      familyId: 'llama',
      vocabSize: 11,
      hiddenSize: 16,
      headDim: 6,
      layers: [shape, shape],
      maxPositions: 512,
      tiedEmbeddings: true,
      details: { eps: 1e-5, attentionBias: true, mlpBias: false },
    });
  });

  it('fills in what LLaMA 1 leaves out: a KV head a head, no ties, no biases', () => {
    const { config } = picoModel({ rms_norm_eps: undefined });
    expect(config.layers[0]).toEqual({ heads: 4, kvHeads: 4, mlpWidth: 10 });
    expect(config).toMatchObject({
      headDim: 4,
      maxPositions: 2048,
      tiedEmbeddings: false,
      details: { eps: 1e-6, attentionBias: false, mlpBias: false },
    });
  });

  it('takes null for absent, as transformers writes it', () => {
    const empty = { num_key_value_heads: null, head_dim: null, rope_scaling: null, sliding_window: null };
    expect({ ...picoModel(empty).config, source: {} }).toEqual({ ...picoModel().config, source: {} });
  });

  it.each([['LlamaForCausalLM'], ['LLaMAForCausalLM']])('knows %s', (architecture) => {
    expect(picoModel({ architectures: [architecture] }).family.id).toBe('llama');
  });

  it('reads a rotary base from transformers 4’s keys and from 5’s', () => {
    const frequencies = (changes: Record<string, unknown>): Float32Array =>
      picoModel(changes).config.rotaryFrequencies;
    const four = frequencies({ rope_theta: 500000, rope_scaling: null });
    expect(frequencies({ rope_parameters: { rope_type: 'default', rope_theta: 500000 } })).toEqual(four);
    expect(frequencies({ rope_parameters: { rope_theta: 500000 }, rope_theta: 7 })).toEqual(four);
    expect(frequencies({})).toEqual(frequencies({ rope_theta: 10000 }));
    expect(frequencies({})).not.toEqual(four);
  });
});

describe('what it refuses', () => {
  it.each<[string, Record<string, unknown>, string, string]>([
    [
      'no width',
      { hidden_size: undefined },
      'config-invalid',
      '"hidden_size" should be a whole number from 1 to 134217728, but is nothing',
    ],
    [
      'no vocabulary',
      { vocab_size: 0 },
      'config-invalid',
      '"vocab_size" should be a whole number from 1 to 134217728, but is 0',
    ],
    [
      'a width in words',
      { hidden_size: '16' },
      'config-invalid',
      '"hidden_size" should be a whole number from 1 to 134217728, but is "16"',
    ],
    [
      'half a layer',
      { num_hidden_layers: 1.5 },
      'config-invalid',
      '"num_hidden_layers" should be a whole number',
    ],
    [
      'too many layers',
      { num_hidden_layers: 4097 },
      'config-invalid',
      '"num_hidden_layers" should be at most 4096, but is 4097',
    ],
    [
      'a width beyond any model',
      { intermediate_size: 2 ** 27 + 1 },
      'config-invalid',
      '"intermediate_size" should be a whole number',
    ],
    [
      'heads that do not divide',
      { num_attention_heads: 3 },
      'config-invalid',
      '"head_dim" should be a whole multiple of 2, the hidden size by the number of heads where absent',
    ],
    ['an odd head', { head_dim: 5 }, 'config-invalid', '"head_dim" should be a whole multiple of 2'],
    [
      'KV heads that do not divide',
      { num_key_value_heads: 3 },
      'config-invalid',
      'layer 0 has 4 attention heads, which 3 key-value heads do not divide',
    ],
    [
      'more KV heads than heads',
      { num_key_value_heads: 8 },
      'config-invalid',
      'layer 0 has 4 attention heads, which 8 key-value heads do not divide',
    ],
    [
      'an epsilon of 0',
      { rms_norm_eps: 0 },
      'config-invalid',
      '"rms_norm_eps" should be a number above 0, but is 0',
    ],
    [
      'a tie in words',
      { tie_word_embeddings: 'yes' },
      'config-invalid',
      '"tie_word_embeddings" should be true or false, but is "yes"',
    ],
    [
      'another activation',
      { hidden_act: 'gelu' },
      'feature-unsupported',
      '"hidden_act" is "gelu"; a LLaMA has "silu"',
    ],
    [
      'an activation in numbers',
      { hidden_act: 3 },
      'config-invalid',
      '"hidden_act" should be a text, but is 3',
    ],
    [
      'quantised weights',
      { quantization_config: { bits: 4 } },
      'feature-unsupported',
      'the weights are quantised',
    ],
    [
      'a negative base',
      { rope_theta: -1 },
      'config-invalid',
      '"rope_theta" should be a number above 0, but is -1',
    ],
    [
      'an unknown scaling',
      { rope_scaling: { type: 'dynamic', factor: 2 } },
      'feature-unsupported',
      'the rotary scaling "dynamic" is not known; known are default, linear and llama3',
    ],
    [
      'an unknown scaling in new keys',
      { rope_parameters: { rope_type: 'yarn', rope_theta: 1e4 } },
      'feature-unsupported',
      'the rotary scaling "yarn" is not known',
    ],
    [
      'a scaling in words',
      { rope_scaling: 'linear' },
      'config-invalid',
      '"rope_scaling" should be an object, but is "linear"',
    ],
    [
      'llama3 without its length',
      { rope_scaling: { rope_type: 'llama3', factor: 8 } },
      'config-invalid',
      '"original_max_position_embeddings" should be a whole number',
    ],
    [
      'a list of another length',
      { intermediate_size_per_layer: [10] },
      'config-invalid',
      '"intermediate_size_per_layer" should be a list of 2 whole numbers, one a layer, but is [10]',
    ],
    [
      'a layer of width 0',
      { intermediate_size_per_layer: [10, 0] },
      'config-invalid',
      '"intermediate_size_per_layer" should be a list',
    ],
    [
      'layer widths that are no list',
      { num_attention_heads_per_layer: 4 },
      'config-invalid',
      '"num_attention_heads_per_layer" should be a list',
    ],
    [
      'heads of one layer that do not divide',
      { num_key_value_heads_per_layer: [4, 3] },
      'config-invalid',
      'layer 1 has 4 attention heads, which 3 key-value heads do not divide',
    ],
    [
      'an unknown architecture',
      { architectures: ['BertModel'] },
      'architecture-unknown',
      'names the architecture BertModel; known are LlamaForCausalLM, LLaMAForCausalLM',
    ],
    [
      'no architecture',
      { architectures: undefined },
      'architecture-unknown',
      'names the architecture none (model_type: "llama")',
    ],
    [
      'architectures that are no list',
      { architectures: 'LlamaForCausalLM' },
      'architecture-unknown',
      'names the architecture none',
    ],
  ])('%s', (_what, changes, code, sentence) => {
    expect(() => readPico(changes)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(sentence) }),
    );
  });

  it.each([[[]], [null], ['text'], [5], [undefined]])('%o, which is no config', (source) => {
    expect(() => readModelConfig(source)).toThrow(
      expect.objectContaining({
        code: 'config-invalid',
        message: expect.stringContaining('"(the whole file)" should be an object'),
      }),
    );
  });

  it('shows no more of a bad value than fits a line', () => {
    expect(() => readPico({ hidden_size: 'x'.repeat(10_000) })).toThrow(/^.{1,200}$/);
  });
});
