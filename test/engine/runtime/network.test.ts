import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { writeCheckpoint } from '../../../main/engine/checkpoint/write-checkpoint.ts';
import { packBatches, type Batch } from '../../../main/engine/runtime/batch.ts';
import type { Network } from '../../../main/engine/runtime/network.ts';
import { numbers } from '../../../main/engine/runtime/session.ts';
import type { Dtype } from '../../../main/engine/tensor/dtype.ts';
import { fromFloat32, toFloat32 } from '../../../main/engine/tensor/half.ts';
import { bitsOf } from '../../fixtures/closeness.ts';
import { goldenForward, goldenModelFolder } from '../../fixtures/golden-files.ts';
import { openNetwork } from '../../fixtures/open-network.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';

const model = 'mha';
const [batch] = packBatches(goldenForward(model).inputIds.slice(0, 2), 100);

/** Layer by layer another element type, and the norms always float32, as some published files have them. */
function mixedDtype(name: string): Dtype {
  if (name.includes('norm')) return 'F32';
  const layer = /layers\.(\d+)\./.exec(name)?.[1];
  return layer === undefined ? 'BF16' : (['F16', 'BF16', 'F32', 'F16'] as const)[Number(layer)];
}

/** The model with its weights rounded to those types, stored in them or as float32. */
async function rounded(original: Network, storedAs: (dtype: Dtype) => Dtype): Promise<string> {
  const folder = temporaryFolder();
  const { checkpoint } = original.model;
  const tensors = [...checkpoint.tensors.values()].map(({ name, shape, dtype }) => ({
    name,
    shape,
    dtype: storedAs(mixedDtype(name)),
    async *data() {
      const mixed = mixedDtype(name);
      const values = toFloat32(fromFloat32(toFloat32(await checkpoint.read(name), dtype), mixed), mixed);
      const { buffer, byteOffset, byteLength } = fromFloat32(values, storedAs(mixed));
      yield new Uint8Array(buffer, byteOffset, byteLength);
    },
  }));
  await writeCheckpoint(folder, tensors);
  await copyFile(path.join(goldenModelFolder(model), 'config.json'), path.join(folder, 'config.json'));
  return folder;
}

async function everyHidden(network: Network, of: Batch): Promise<Float32Array[]> {
  const hidden = [await network.embed(of)];
  for (let layer = 0; layer < network.layerCount; layer++) {
    hidden.push(await network.forwardLayer(layer, await network.takeLayer(layer), hidden[layer], of));
  }
  return [...hidden.map(numbers), (await network.logits(hidden[network.layerCount], of)).data];
}

it('gives layers of one shape and other element types a session each', async () => {
  const original = await openNetwork(goldenModelFolder(model));
  const mixed = await openNetwork(await rounded(original, (dtype) => dtype), 'stream');
  const float = await openNetwork(await rounded(original, () => 'F32'));
  const expected = await everyHidden(float, batch);
  for (const [i, found] of (await everyHidden(mixed, batch)).entries()) {
    expect(bitsOf(found), `step ${i}`).toEqual(bitsOf(expected[i]));
  }
});

it('serves batches of any shape in turn: a row gives the bits it gave alone', async () => {
  const network = await openNetwork(goldenModelFolder(model));
  const rows = goldenForward(model).raggedIds;
  const alone = new Map<number, Float32Array[]>();
  for (const round of [0, 1]) {
    for (const [i, row] of rows.entries()) {
      const found = await everyHidden(network, packBatches([row], 1)[0]);
      if (round === 0) alone.set(i, found);
      expect(found).toEqual(alone.get(i));
    }
  }
});
