import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { primaryExporter } from '../../../main/engine/export/index.ts';
import { MergedWeights } from '../../../main/engine/recover/merge.ts';
import { ActivationStore } from '../../../main/engine/runtime/activation-store.ts';
import { packBatches } from '../../../main/engine/runtime/batch.ts';
import { forwardPass, hiddenKey } from '../../../main/engine/runtime/forward-pass.ts';
import type { Network } from '../../../main/engine/runtime/network.ts';
import { toFloat32 } from '../../../main/engine/tensor/half.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';
import { adaptedNetwork, openedModel } from '../../fixtures/adapted-network.ts';
import { worstOfLargest } from '../../fixtures/closeness.ts';
import { exampleAdaptation, exampleAdapter, writeExampleAdapter } from '../../fixtures/example-adapter.ts';
import { hashesBelow } from '../../fixtures/folder-hashes.ts';
import { goldenModelFolder, goldenTensors, goldenTokenRows } from '../../fixtures/golden-files.ts';
import { openNetwork, session, unhurried } from '../../fixtures/open-network.ts';

const golden = goldenTensors('lora', 'adapter-logits');
const [batch] = packBatches(goldenTokenRows('lora', 'adapter-logits'), 2 ** 20);

async function logitsOf(network: Network): Promise<Float32Array> {
  const store = new ActivationStore(path.join(temporaryFolder(), 'activations'), Infinity);
  await forwardPass(network, [batch], store, unhurried, false);
  return (await network.logits(await store.get(hiddenKey(network.layerCount, 0)), batch)).data;
}

/** Logits relative to the largest: float32 by two programs. */
const tolerance = 1e-5;

it('writes the very adapter folder that peft loaded for the golden logits', async () => {
  const folder = temporaryFolder();
  await writeExampleAdapter(await openedModel(goldenModelFolder('gqa')), folder);
  expect(hashesBelow(folder)).toEqual(hashesBelow('test/golden/lora/adapter'));
});

it('has peft’s logits with the adapter beside the weights', async () => {
  const model = await openedModel(goldenModelFolder('gqa'));
  const found = await logitsOf(adaptedNetwork(model, exampleAdaptation, exampleAdapter(model)));
  expect(worstOfLargest(found, golden.get('beside')?.data ?? [])).toBeLessThan(tolerance);
  expect(worstOfLargest(found, golden.get('base')?.data ?? [])).toBeGreaterThan(0.1);
});

it('has peft’s logits with the adapter merged into the folder it writes', async () => {
  const model = await openedModel(goldenModelFolder('gqa'));
  const folder = path.join(temporaryFolder(), 'merged');
  const merged = new MergedWeights(model, exampleAdapter(model), exampleAdaptation, session);
  onTestFinished(() => merged.release());
  const card = { baseModel: 'gqa', parametersBefore: 1, parametersAfter: 1, pruning: null, training: null };
  const source = { model, shape: model.config, tensors: merged.tensors(), card, pace: unhurried };
  await primaryExporter.write(source, folder);
  const found = await logitsOf(await openNetwork(folder));
  expect(worstOfLargest(found, golden.get('merged')?.data ?? [])).toBeLessThan(tolerance);
});

it('rounds merged weights once, to the element type of the weight, and leaves the others as they are', async () => {
  const model = await openedModel(goldenModelFolder('sharded-bf16'));
  const adapter = exampleAdapter(model);
  const merged = new MergedWeights(model, adapter, exampleAdaptation, session);
  onTestFinished(() => merged.release());
  const { rank, alpha } = exampleAdaptation;
  for (const { name, dtype, data } of merged.tensors()) {
    const bytes: Buffer[] = [];
    for await (const piece of data()) bytes.push(Buffer.from(piece));
    const raw = new Uint16Array(Uint8Array.from(Buffer.concat(bytes)).buffer);
    const stored = await model.checkpoint.read(name);
    const [up, down] = ['lora_B', 'lora_A'].map((kind) =>
      adapter.find((matrix) => matrix.name === name.replace('.weight', `.${kind}.weight`)),
    );
    if (!up || !down) {
      expect(raw, name).toEqual(stored);
      continue;
    }
    const [found, base] = [toFloat32(raw, dtype), toFloat32(stored, dtype)];
    const columns = down.shape[1];
    found.forEach((value, i) => {
      let product = 0;
      for (let r = 0; r < rank; r++) {
        product += up.values[Math.floor(i / columns) * rank + r] * down.values[r * columns + (i % columns)];
      }
      const exact = base[i] + (alpha / rank) * product;
      // Half a unit of bfloat16's last place.
      expect(Math.abs(value - exact)).toBeLessThanOrEqual(2 ** -8 * Math.abs(exact) * 1.001 + 1e-7);
    });
  }
});
