import { describe, expect, it } from 'vitest';
import { readModelConfig } from '../../../main/engine/families/index.ts';
import { modelCosts } from '../../../main/engine/prune/plan.ts';

const llamaLike = (
  architecture: string,
  [vocabulary, hidden, layers]: [number, number, number],
  [heads, kvHeads, headDim]: [number, number, number],
  width: number,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> => ({
  architectures: [architecture],
  vocab_size: vocabulary,
  hidden_size: hidden,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  num_key_value_heads: kvHeads,
  head_dim: headDim,
  intermediate_size: width,
  ...more,
});

const tied = { tie_word_embeddings: true };
const fullAttention = { sliding_window: null };

const chatglm2 = {
  architectures: ['ChatGLMModel'],
  num_layers: 28,
  padded_vocab_size: 65024,
  hidden_size: 4096,
  ffn_hidden_size: 13696,
  kv_channels: 128,
  num_attention_heads: 32,
  multi_query_attention: true,
  multi_query_group_num: 2,
  add_qkv_bias: true,
  add_bias_linear: false,
  tie_word_embeddings: false,
};

const chatglm = {
  architectures: ['ChatGLMModel'],
  num_layers: 28,
  vocab_size: 130528,
  hidden_size: 4096,
  inner_hidden_size: 16384,
  num_attention_heads: 32,
  max_sequence_length: 2048,
  position_encoding_2d: true,
  bos_token_id: 130004,
  mask_token_id: 130000,
  gmask_token_id: 130001,
};

const baichuan = (
  [hidden, layers, heads, width]: [number, number, number, number],
  architecture: string,
): Record<string, unknown> => ({
  architectures: [architecture],
  vocab_size: 64000,
  hidden_size: hidden,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  intermediate_size: width,
});

/** Totals of the published models, a tied tensor counted once. */
const published: readonly [name: string, source: Record<string, unknown>, total: number][] = [
  ['LLaMA-7B', llamaLike('LlamaForCausalLM', [32000, 4096, 32], [32, 32, 128], 11008), 6_738_415_616],
  ['LLaMA-13B', llamaLike('LlamaForCausalLM', [32000, 5120, 40], [40, 40, 128], 13824), 13_015_864_320],
  ['Llama-3-8B', llamaLike('LlamaForCausalLM', [128256, 4096, 32], [32, 8, 128], 14336), 8_030_261_248],
  ['Llama-3.2-1B', llamaLike('LlamaForCausalLM', [128256, 2048, 16], [32, 8, 64], 8192, tied), 1_235_814_400],
  [
    'Llama-3.2-3B',
    llamaLike('LlamaForCausalLM', [128256, 3072, 28], [24, 8, 128], 8192, tied),
    3_212_749_824,
  ],
  ['TinyLlama-1.1B', llamaLike('LlamaForCausalLM', [32000, 2048, 22], [32, 4, 64], 5632), 1_100_048_384],
  ['SmolLM2-135M', llamaLike('LlamaForCausalLM', [49152, 576, 30], [9, 3, 64], 1536, tied), 134_515_008],
  [
    'Mistral-7B-v0.1',
    llamaLike('MistralForCausalLM', [32000, 4096, 32], [32, 8, 128], 14336, { sliding_window: 4096 }),
    7_241_732_096,
  ],
  [
    'Mistral-7B-v0.3',
    llamaLike('MistralForCausalLM', [32768, 4096, 32], [32, 8, 128], 14336, fullAttention),
    7_248_023_552,
  ],
  ['Qwen2.5-0.5B', llamaLike('Qwen2ForCausalLM', [151936, 896, 24], [14, 2, 64], 4864, tied), 494_032_768],
  ['Qwen2.5-7B', llamaLike('Qwen2ForCausalLM', [152064, 3584, 28], [28, 4, 128], 18944), 7_615_616_512],
  ['Qwen3-0.6B', llamaLike('Qwen3ForCausalLM', [151936, 1024, 28], [16, 8, 128], 3072, tied), 596_049_920],
  ['Qwen3-8B', llamaLike('Qwen3ForCausalLM', [151936, 4096, 36], [32, 8, 128], 12288), 8_190_735_360],
  [
    'Baichuan-7B',
    { ...baichuan([4096, 32, 32, 11008], 'BaiChuanForCausalLM'), max_position_embeddings: 4096 },
    7_000_559_616,
  ],
  [
    'Baichuan-13B',
    { ...baichuan([5120, 40, 40, 13696], 'BaichuanForCausalLM'), model_max_length: 4096 },
    13_264_901_120,
  ],
  [
    'BLOOM-7b1',
    { architectures: ['BloomForCausalLM'], vocab_size: 250880, n_embed: 4096, n_layer: 30, n_head: 32 },
    7_069_016_064,
  ],
  ['ChatGLM-6B', chatglm, 6_173_286_400],
  ['ChatGLM-6B, head and embedding apart', { ...chatglm, tie_word_embeddings: false }, 6_707_929_088],
  ['ChatGLM2-6B', { ...chatglm2, seq_length: 32768 }, 6_243_584_000],
  ['ChatGLM3-6B', { ...chatglm2, seq_length: 8192 }, 6_243_584_000],
];

describe('the parameters that follow from a published config', () => {
  it.each(published)('%s', (_name, source, total) => {
    const { family, config } = readModelConfig(source);
    expect(modelCosts(family, config, config, () => 2).parameters).toBe(total);
  });
});
