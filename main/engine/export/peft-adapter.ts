import { join } from 'node:path';
import { makeFolder, writeFileAtomic } from '../checkpoint/atomic-file.ts';
import { writeSafetensors } from '../checkpoint/write-checkpoint.ts';
import { adapterConfigFile, adapterWeightsFile, peftKeyPrefix } from '../runtime/adapter-folder.ts';
import { defineExporter, type AdapterSource } from './exporter.ts';

/** A folder that peft loads: adapter_config.json, adapter_model.safetensors, a model card. */
export const peftAdapter = defineExporter({
  id: 'peft-adapter',
  async write(source: AdapterSource, folder) {
    await makeFolder(folder);
    const tensors = source.tensors.map((tensor) => ({ ...tensor, name: peftKeyPrefix + tensor.name }));
    await writeSafetensors(join(folder, adapterWeightsFile), tensors);
    await writeFileAtomic(join(folder, 'README.md'), cardText(source));
    const config = `${JSON.stringify(configOf(source), null, 2)}\n`;
    await writeFileAtomic(join(folder, adapterConfigFile), config);
  },
});

function configOf({ baseModel, rank, alpha, dropout, targets }: AdapterSource): object {
  return {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: baseModel,
    revision: null,
    inference_mode: true,
    r: rank,
    lora_alpha: alpha,
    lora_dropout: dropout,
    bias: 'none',
    target_modules: targets,
    fan_in_fan_out: false,
    use_rslora: false,
    use_dora: false,
    init_lora_weights: true,
    modules_to_save: null,
    layers_to_transform: null,
    layers_pattern: null,
    rank_pattern: {},
    alpha_pattern: {},
  };
}

function cardText({ baseModel, rank, alpha, training }: AdapterSource): string {
  return `---
base_model: ${baseModel}
library_name: peft
tags:
- lora
---
# LoRA adapter

Recovers \`${baseModel}\` after pruning: rank ${rank}, alpha ${alpha}, trained for ${training.steps} steps on ${training.rows.toLocaleString('en-US')} rows${training.isBase8Bit ? ' beside weights held in 8 bits' : ''} with LLM-Pruner Studio. peft loads this folder on top of that model; where the model lies elsewhere by now, change \`base_model_name_or_path\` in adapter_config.json.
`;
}
