import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { scalesName } from '../../../main/engine/derive/emission.ts';
import { initialAdapter, withAdapter, type AdapterMatrix } from '../../../main/engine/recover/adapter.ts';
import { adapterGradients, meanLoss } from '../../../main/engine/recover/adapter-gradients.ts';
import { openBase } from '../../../main/engine/runtime/frozen-base.ts';
import { packBatches } from '../../../main/engine/runtime/batch.ts';
import type { Model } from '../../../main/engine/runtime/model.ts';
import { modelGraph } from '../../../main/engine/runtime/model-graph.ts';
import { Network } from '../../../main/engine/runtime/network.ts';
import type { Residency, WeightStore } from '../../../main/engine/runtime/residency.ts';
import type { Feed } from '../../../main/engine/runtime/session.ts';
import { RandomStream } from '../../../main/engine/tensor/random.ts';
import { toFloat32 } from '../../../main/engine/tensor/half.ts';
import { safetensorsBytes } from '../checkpoint/safetensors-file.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';
import {
  adaptedNetwork,
  examplesOf,
  llamaTargets,
  openedModel,
  passOptions,
} from '../../fixtures/adapted-network.ts';
import { bitsOf, worstOfLargest } from '../../fixtures/closeness.ts';
import { goldenLora, goldenModelFolder } from '../../fixtures/golden-files.ts';
import { session } from '../../fixtures/open-network.ts';

const adaptation = { rank: 4, alpha: 8, targets: llamaTargets, masked: false };
const noDropout = { rate: 0, seed: 0, step: 0 };
const budget = { batchTokens: 100, activationBytes: 2 ** 20 };

const int8Of = (model: Model, residency: Residency): WeightStore =>
  openBase('int8', model, { ...budget, residency, budgetBytes: residency === 'ram' ? 2 ** 30 : 1 }, 'cpu');

const hostValues = ({ data }: Feed): Float32Array | Int8Array => data as Float32Array | Int8Array;

/** An adapter whose B is not zero, so that every matrix has a gradient. */
function exampleAdapter(model: Model): AdapterMatrix[] {
  const random = new RandomStream(3, 'adapter');
  return initialAdapter(model, adaptation, 7).map((matrix) => ({
    ...matrix,
    values: matrix.values.map((value) => (value === 0 ? 0.1 * (random.uniform() - 0.5) : value)),
  }));
}

/** A copy of a model whose layers' weights are, in float32, what their 8-bit rows stand for. */
async function dequantisedCopy(model: Model): Promise<string> {
  const int8 = int8Of(model, 'ram');
  const header: Record<string, unknown> = {};
  const blocks: Buffer[] = [];
  let end = 0;
  for (const name of modelGraph(model.family, model.config).graph.params.keys()) {
    const { shape, dtype } = model.checkpoint.info(name);
    const values = toFloat32(await model.checkpoint.read(name), dtype).slice();
    const taken = await int8.take([name]);
    if (taken[name].type === 'int8') {
      const data = hostValues(taken[name]);
      const scales = hostValues(taken[scalesName(name)]);
      values.forEach((_, i) => {
        values[i] = data[i] * scales[Math.floor(i / shape[1])];
      });
    }
    header[name] = { dtype: 'F32', shape, data_offsets: [end, (end += values.byteLength)] };
    blocks.push(Buffer.from(values.buffer));
  }
  const folder = path.join(temporaryFolder(), 'dequantised');
  await mkdir(folder);
  await writeFile(path.join(folder, 'config.json'), JSON.stringify(model.config.source));
  await writeFile(path.join(folder, 'model.safetensors'), safetensorsBytes(header, Buffer.concat(blocks)));
  return folder;
}

describe.each(['gqa', 'sharded-bf16'])('a base in 8 bits, %s', (name) => {
  const examples = examplesOf(goldenLora(name).gradients.rows);

  it.each<Residency>(['ram', 'stream'])('computes as its float32 does: %s', async (residency) => {
    const model = await openedModel(goldenModelFolder(name));
    const adapter = exampleAdapter(model);
    const store = int8Of(model, residency);
    expect(store.residency).toBe(residency);
    const names = [...modelGraph(model.family, model.config).graph.params.keys()];
    const int8 = names.filter((name) => store.dtypeOf(name) === 'int8-rows');
    expect(int8).toHaveLength(7 * model.config.layers.length);
    const network = new Network(model, withAdapter(store, adapter), session, adaptation);
    const plain = await openedModel(await dequantisedCopy(model));
    const found = await adapterGradients(network, examples, noDropout, passOptions());
    const expected = await adapterGradients(
      adaptedNetwork(plain, adaptation, adapter),
      examples,
      noDropout,
      passOptions(),
    );
    await network.release();
    expect(Math.abs(found.loss / expected.loss - 1)).toBeLessThan(1e-5);
    for (const [matrix, gradient] of expected.gradients) {
      expect(worstOfLargest(found.gradients.get(matrix) ?? [], gradient), matrix).toBeLessThan(1e-5);
    }
    const stored = await adapterGradients(
      adaptedNetwork(model, adaptation, adapter),
      examples,
      noDropout,
      passOptions(),
    );
    expect(found.loss).not.toBe(stored.loss);
  });

  it('has the adapter gradients of central differences', async () => {
    const model = await openedModel(goldenModelFolder(name));
    const adapter = exampleAdapter(model);
    const network = new Network(model, withAdapter(int8Of(model, 'ram'), adapter), session, adaptation);
    const { gradients } = await adapterGradients(network, examples, noDropout, passOptions());
    const random = new RandomStream(11, 'adapter');
    // Along a random direction of each matrix the rounding of a float32 loss is far below the difference.
    for (const { name: matrix, values } of adapter) {
      const direction = values.map(() => random.normal());
      const at = async (step: number): Promise<number> => {
        const before = values.slice();
        values.forEach((value, i) => (values[i] = value + step * direction[i]));
        const loss = await meanLoss(network, examples, passOptions());
        values.set(before);
        return loss;
      };
      const step = 1.5e-3;
      const near = (await at(step)) - (await at(-step));
      const far = (await at(2 * step)) - (await at(-2 * step));
      const difference = (8 * near - far) / (12 * step);
      const gradient = gradients.get(matrix) ?? new Float32Array();
      const along = gradient.reduce((total, value, i) => total + value * direction[i], 0);
      const size = Math.hypot(...gradient);
      expect(Math.abs(along - difference), matrix).toBeLessThan(1e-3 * size + 3e-4);
    }
    await network.release();
  });

  it('has the same bits streamed and kept', async () => {
    const model = await openedModel(goldenModelFolder(name));
    const [batch] = packBatches([[1, 2, 3, 4]], 100);
    const outputs = await Promise.all(
      (['ram', 'stream'] as const).map(async (residency) => {
        const network = new Network(model, int8Of(model, residency), session);
        const x = await network.embed(batch);
        const y = await network.forwardLayer(0, await network.takeLayer(0), x, batch);
        await network.release();
        return bitsOf(y as Float32Array);
      }),
    );
    expect(outputs[0]).toEqual(outputs[1]);
  });
});
