import { copyFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { makeFolder, writeFileAtomic } from '../checkpoint/atomic-file.ts';
import { errnoOf, writeError } from '../checkpoint/file-errors.ts';
import { tensorSizeBytes } from '../checkpoint/safetensors-header.ts';
import { writeCheckpoint, type TensorSource } from '../checkpoint/write-checkpoint.ts';
import type { WrittenConfig } from '../families/family.ts';
import { templateNameIn } from '../generate/built-in-templates.ts';
import type { Pace } from '../runtime/pace.ts';
import { defineExporter, type ModelCard, type ModelSource } from './exporter.ts';

/** Files beside the weights that belong to the tokenizer or to generation, copied as they are. */
const companionFiles = [
  'tokenizer.json',
  'tokenizer.model',
  'ice_text.model',
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
  async write({ model, shape, tensors, card, pace }: ModelSource, folder) {
    await makeFolder(folder);
    const written = model.family.writeConfig(model.config, shape);
    await writeCheckpoint(folder, paced(tensors, pace));
    const from = model.baseFolder;
    for (const file of [...companionFiles, ...(await codeFiles(from))])
      await copyIfThere(join(from, file), join(folder, file));
    await writeFileAtomic(join(folder, 'README.md'), cardText(card, written.loaders));
    const config = withName(written.json, basename(model.baseFolder));
    await writeFileAtomic(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
  },
});

/** Where the folder's name alone tells which conversation a model was trained on, the result has it in its config. */
function withName(config: WrittenConfig['json'], folderName: string): WrittenConfig['json'] {
  const isTold = templateNameIn(config, '') === templateNameIn(config, folderName);
  return isTold ? config : { ...config, _name_or_path: folderName };
}

/** A model that transformers loads by code of its own has it beside its weights; it is copied, never run. */
async function codeFiles(folder: string): Promise<string[]> {
  const files = await readdir(folder);
  return files.filter((file) => /^[A-Za-z0-9_]+\.py$/.test(file)).sort();
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
  const { baseModel, parametersBefore, parametersAfter } = card;
  return `---
base_model: ${baseModel}
base_model_relation: finetune
tags:
- pruned
---
# ${baseModel}, ${titleOf(card)}

Made from \`${baseModel}\` ${methodOf(card)} with LLM-Pruner Studio.

| | before | after |
|---|---:|---:|
| parameters | ${parametersBefore.toLocaleString('en-US')} | ${parametersAfter.toLocaleString('en-US')} |

${historyOf(card)}

## What opens this folder
${loaders}
`;
}

type Pruning = NonNullable<ModelCard['pruning']>;

function cutOf(pruning: Pruning): string {
  const { selection, droppedLayers, criterion, aggregation } = pruning;
  if (selection.mode === 'layer') {
    const why = selection.drop === 'last' ? 'the last ones' : 'those that change their input least';
    return `layers ${droppedLayers.join(', ')}, ${why}`;
  }
  return `${widthsOf(pruning)}, by the criterion \`${criterion}\`, aggregated by \`${aggregation}\``;
}

function widthsOf({ selection, ratio }: Pruning): string {
  if (selection.mode === 'channel')
    return `a ratio of ${ratio} of the hidden indices, the same ones through the whole network`;
  const inside = `a ratio of ${ratio} inside the pruned layers`;
  if (selection.scope === undefined) return inside;
  return `${inside}, ranked together ${selection.scope === 'global' ? 'by score a parameter' : 'as published'}`;
}

function titleOf({ pruning, training }: ModelCard): string {
  return [pruning && 'pruned', training && 'recovered'].filter((done) => done !== null).join(' and ');
}

function methodOf({ pruning }: ModelCard): string {
  return pruning
    ? 'by structural pruning (LLM-Pruner, arXiv 2305.11627)'
    : 'by training a low-rank adapter (LoRA, arXiv 2106.09685)';
}

function historyOf({ parametersBefore, parametersAfter, pruning, training }: ModelCard): string {
  const removed = 100 * (1 - parametersAfter / parametersBefore);
  const cut = pruning ? `${removed.toFixed(1)} % of all parameters were removed: ${cutOf(pruning)}. ` : '';
  if (!training) return `${cut}The model was not trained after pruning.`;
  const { steps, rows, rank, alpha, isBase8Bit } = training;
  const beside = isBase8Bit ? ' beside weights held in 8 bits' : '';
  return `${cut}It was then trained for ${steps} steps on ${rows.toLocaleString('en-US')} rows by LoRA (rank ${rank}, alpha ${alpha})${beside}, and the adapter was merged into the weights.`;
}
