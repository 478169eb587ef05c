import { cp, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { primaryExporter } from '../../../main/engine/export/index.ts';
import { templateNameOf } from '../../../main/engine/generate/built-in-templates.ts';
import { modelCosts } from '../../../main/engine/prune/plan.ts';
import { slicedTensors } from '../../../main/engine/prune/slice.ts';
import { openModel } from '../../../main/engine/runtime/model.ts';
import { goldenModelFolder } from '../../fixtures/golden-files.ts';
import { unhurried } from '../../fixtures/open-network.ts';
import { wholePlan } from '../../fixtures/pruned-folder.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';

/** The folder that is written of a model whose folder has this name. */
async function resultOf(name: string): Promise<string> {
  const [from, folder] = [path.join(temporaryFolder(), name), path.join(temporaryFolder(), 'model')];
  await cp(goldenModelFolder('mha'), from, { recursive: true });
  const model = await openModel(from);
  const { parameters } = modelCosts(model.family, model.config, model.config, () => 4);
  const card = {
    baseModel: name,
    parametersBefore: parameters,
    parametersAfter: parameters,
    pruning: null,
    training: null,
  };
  const tensors = slicedTensors(model, wholePlan(model.config));
  await primaryExporter.write({ model, shape: model.config, tensors, card, pace: unhurried }, folder);
  await model.checkpoint.close();
  return folder;
}

it('keeps the conversation that only the name of the model’s folder told', async () => {
  expect(await templateNameOf(await resultOf('vicuna-7b-v1.5'))).toBe('vicuna');
});

it('gives no name to a model of which the name tells nothing', async () => {
  const folder = await resultOf('llama-7b');
  expect(await templateNameOf(folder)).toBeUndefined();
  expect(JSON.parse(await readFile(path.join(folder, 'config.json'), 'utf8'))).not.toHaveProperty(
    '_name_or_path',
  );
});
