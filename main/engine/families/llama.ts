import { ConfigReader } from './config-reader.ts';
import { defineFamily, type ModelConfig, type NetworkShape, type WrittenConfig } from './family.ts';
import { uniformShape, writeStockConfig } from './layer-shapes.ts';
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

function writeLlamaConfig(config: ModelConfig, shape: NetworkShape): WrittenConfig {
  const { headDim, details } = config;
  const { hiddenSize } = shape;
  const asLlama = (loader: string): WrittenConfig =>
    writeStockConfig(config, shape, { head_dim: headDim, ...architecture('llama') }, loader);
  const first = uniformShape(shape.layers);
  if (!first) return asLlama('transformers');
  if (hiddenSize % first.heads === 0) return asLlama('transformers (LlamaForCausalLM)');
  if (details.attentionBias === true || details.mlpBias === true) {
    return {
      ...asLlama('transformers'),
      loaders: `LLM-Pruner Studio opens this folder. transformers refuses a LLaMA of hidden size ${hiddenSize} with ${first.heads} heads, and Mistral has no biases to take its place.`,
    };
  }
  return writeStockConfig(
    config,
    shape,
    { head_dim: headDim, ...architecture('mistral'), sliding_window: null },
    `transformers (MistralForCausalLM: the same network; as a LLaMA it would refuse ${first.heads} heads at hidden size ${hiddenSize})`,
  );
}

function architecture(name: 'llama' | 'mistral'): Record<string, unknown> {
  return name === 'llama'
    ? { architectures: ['LlamaForCausalLM'], model_type: 'llama' }
    : { architectures: ['MistralForCausalLM'], model_type: 'mistral' };
}
