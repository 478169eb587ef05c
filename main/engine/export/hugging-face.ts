import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, writeFileAtomic } from '../checkpoint/atomic-file.ts';
import { errnoOf, writeError } from '../checkpoint/file-errors.ts';
import { tensorSizeBytes } from '../checkpoint/safetensors-header.ts';
import { writeCheckpoint, type TensorSource } from '../checkpoint/write-checkpoint.ts';
import type { LayerShape } from '../families/family.ts';
import type { PrunePlan } from '../prune/plan.ts';
import { slicedTensors } from '../prune/slice.ts';
import type { Pace } from '../runtime/pace.ts';
import { defineExporter, type ModelCard } from './exporter.ts';

/** Files beside the weights that belong to the tokenizer or to generation, copied as they are. */
const companionFiles = [
  'tokenizer.json',
  'tokenizer.model',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
  'generation_config.json',
];

/** A Hugging Face folder: config.json, safetensors in the original's element types, tokenizer files, a model card. */
export const huggingFace = defineExporter({
  id: 'hugging-face',
  async write({ model, plan, card, pace }, folder) {
    await makeFolder(folder);
    const written = model.family.writeConfig(model.config, shapesOf(plan));
    await writeCheckpoint(folder, paced(slicedTensors(model, plan), pace));
    for (const file of companionFiles) await copyIfThere(join(model.folder, file), join(folder, file));
    await writeFileAtomic(join(folder, 'README.md'), cardText(card, written.loaders));
    await writeFileAtomic(join(folder, 'config.json'), `${JSON.stringify(written.json, null, 2)}\n`);
  },
});

function shapesOf(plan: PrunePlan): LayerShape[] {
  return plan.layers.map(({ attention, mlp }) => ({
    heads: attention.keptHeads.length,
    kvHeads: attention.keptKvHeads.length,
    mlpWidth: mlp.keptChannels.length,
  }));
}

/** The same tensors, which stop between two of them when cancelled and report the bytes written so far. */
function paced(tensors: readonly TensorSource[], pace: Pace): TensorSource[] {
  const sizeBytes = ({ dtype, shape }: TensorSource): number => tensorSizeBytes(dtype, shape);
  const totalBytes = tensors.reduce((total, tensor) => total + sizeBytes(tensor), 0);
  let writtenBytes = 0;
  return tensors.map((tensor) => ({
    ...tensor,
    async *data() {
      await pace.breathe();
      yield* tensor.data();
      writtenBytes += sizeBytes(tensor);
      pace.report(writtenBytes / totalBytes);
    },
  }));
}

async function copyIfThere(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw writeError(error, to);
  }
}

function cardText(card: ModelCard, loaders: string): string {
  const removed = 100 * (1 - card.parametersAfter / card.parametersBefore);
  return `---
base_model: ${card.baseModel}
base_model_relation: finetune
tags:
- pruned
---
# ${card.baseModel}, pruned

Made from \`${card.baseModel}\` by structural pruning (LLM-Pruner, arXiv 2305.11627) with LLM-Pruner Studio.

| | before | after |
|---|---:|---:|
| parameters | ${card.parametersBefore.toLocaleString('en-US')} | ${card.parametersAfter.toLocaleString('en-US')} |

${removed.toFixed(1)} % of all parameters were removed: a ratio of ${card.ratio} inside the pruned layers, by the criterion \`${card.criterion}\`, aggregated by \`${card.aggregation}\`. The model was not trained after pruning.

## What opens this folder
${loaders}
`;
}
