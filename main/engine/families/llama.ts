import { ConfigReader } from './config-reader.ts';
import { defineFamily, type ModelConfig, type NetworkShape, type WrittenConfig } from './family.ts';
import { perLayerKeys, uniformShape, withoutLayerShapes, withLayerShapes } from './layer-shapes.ts';
import { llamaDecoder, readLlamaConfig } from './llama-decoder.ts';

/**
 * LLaMA 1/2/3, Vicuna, TinyLlama, SmolLM2 (docs/method.md, LLaMA). A pruned model whose heads no longer divide the hidden
 * size is written as Mistral without a sliding window: the same network, whose loader asks for no such division.
 */
export const llama = defineFamily({
  id: 'llama',
  architectures: ['LlamaForCausalLM', 'LLaMAForCausalLM'],
  ...llamaDecoder,

  readConfig(source) {
    const config = new ConfigReader(source);
    const details = {
      attentionBias: config.flag('attention_bias', false),
      mlpBias: config.flag('mlp_bias', false),
      // Read by Mistral alone, as which a pruned LLaMA may be written.
      slidingWindow: 0,
    };
    return readLlamaConfig(config, 'llama', 'LLaMA', details);
  },

  writeConfig: writeLlamaConfig,
});

function writeLlamaConfig(config: ModelConfig, { hiddenSize, layers }: NetworkShape): WrittenConfig {
  const first = uniformShape(layers);
  const base = {
    ...withoutLayerShapes(config.source),
    hidden_size: hiddenSize,
    head_dim: config.headDim,
  };
  if (!first) {
    return {
      json: { ...base, ...architecture('llama'), ...withLayerShapes(layers) },
      loaders: `LLM-Pruner Studio opens this folder. Its layers differ in width (${perLayerKeys.join(', ')} in config.json), which no stock loader can express: transformers refuses it.`,
    };
  }
  const widths = {
    num_attention_heads: first.heads,
    num_key_value_heads: first.kvHeads,
    intermediate_size: first.mlpWidth,
  };
  if (hiddenSize % first.heads === 0) {
    return {
      json: { ...base, ...architecture('llama'), ...widths },
      loaders: 'transformers (LlamaForCausalLM) and LLM-Pruner Studio open this folder.',
    };
  }
  if (config.details.attentionBias === true || config.details.mlpBias === true) {
    return {
      json: { ...base, ...architecture('llama'), ...widths },
      loaders: `LLM-Pruner Studio opens this folder. transformers refuses a LLaMA of hidden size ${hiddenSize} with ${first.heads} heads, and Mistral has no biases to take its place.`,
    };
  }
  return {
    json: { ...base, ...architecture('mistral'), ...widths, sliding_window: null },
    loaders: `transformers (MistralForCausalLM: the same network; as a LLaMA it would refuse ${first.heads} heads at hidden size ${hiddenSize}) and LLM-Pruner Studio open this folder.`,
  };
}

function architecture(name: 'llama' | 'mistral'): Record<string, unknown> {
  return name === 'llama'
    ? { architectures: ['LlamaForCausalLM'], model_type: 'llama' }
    : { architectures: ['MistralForCausalLM'], model_type: 'mistral' };
}
