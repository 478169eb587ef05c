import { expect, it } from 'vitest';
import { packBatches } from '../../../main/engine/runtime/batch.ts';
import { Decoder } from '../../../main/engine/runtime/decoder.ts';
import { planMemory, type MemoryPlan } from '../../../main/engine/runtime/memory-plan.ts';
import type { Network } from '../../../main/engine/runtime/network.ts';
import { numbers } from '../../../main/engine/runtime/session.ts';
import { RandomStream } from '../../../main/engine/tensor/random.ts';
import { worstOfLargest } from '../../fixtures/closeness.ts';
import {
  goldenForward,
  goldenModelFolder,
  goldenModelNames,
  goldenTensors,
} from '../../fixtures/golden-files.ts';
import { openNetwork, unhurried } from '../../fixtures/open-network.ts';
import { writeRandomModel } from '../../fixtures/random-model.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';

/** Relative to the largest logit. */
const tolerance = 1e-5;

const memoryOf = ({ model }: Network, budgetBytes = 2 ** 30): MemoryPlan =>
  planMemory(model.config, model.checkpoint.totalBytes, budgetBytes);

/** Tokens [from, to) of every row. */
const columns = (rows: readonly (readonly number[])[], from: number, to: number): Int32Array =>
  Int32Array.from(rows.flatMap((row) => row.slice(from, to)));

/** Logits after each row's last token, without a cache. [rows, vocabulary] */
async function withoutCache(network: Network, rows: readonly (readonly number[])[]): Promise<Float32Array> {
  const [batch] = packBatches(rows, Infinity);
  let hidden = await network.embed(batch);
  for (let layer = 0; layer < network.layerCount; layer++) {
    hidden = await network.forwardLayer(layer, await network.takeLayer(layer), hidden, batch);
  }
  const width = network.model.config.vocabSize;
  const { data } = await network.logits(numbers(hidden), batch);
  const last = rows.map((row, i) =>
    data.subarray(((i + 1) * row.length - 1) * width, (i + 1) * row.length * width),
  );
  return Float32Array.from(last.flatMap((logits) => [...logits]));
}

it.each(goldenModelNames)(
  'gives the logits of transformers at every position, token by token: %s',
  async (name) => {
    const { inputIds } = goldenForward(name);
    const golden = goldenTensors('llama', name).get('logits');
    if (golden === undefined) throw new RangeError('The golden file has no logits.');
    const [rows, length, width] = golden.dims;
    const network = await openNetwork(goldenModelFolder(name));
    const decoder = new Decoder(network, rows, memoryOf(network));
    for (const [from, to] of [[0, 5], ...Array.from({ length: length - 5 }, (_, i) => [5 + i, 6 + i])]) {
      const logits = await decoder.advance(columns(inputIds, from, to), unhurried);
      const expected = Float32Array.from(
        inputIds.flatMap((_, row) => [
          ...golden.data.subarray((row * length + to - 1) * width, (row * length + to) * width),
        ]),
      );
      expect(worstOfLargest(logits, expected), `after ${to} tokens`).toBeLessThan(tolerance);
    }
  },
);

it('keeps its place where the cache grows, where a prompt goes in pieces, and in layers of other widths', async () => {
  const folder = temporaryFolder();
  await writeRandomModel(folder, {
    num_hidden_layers: 3,
    head_dim: 8,
    num_attention_heads_per_layer: [4, 2, 6],
    num_key_value_heads_per_layer: [2, 1, 3],
    intermediate_size_per_layer: [48, 24, 36],
  });
  const network = await openNetwork(folder, 'stream');
  const random = new RandomStream(3, 'data-order');
  const rows = Array.from({ length: 2 }, () => Array.from({ length: 150 }, () => random.below(97)));
  // Room for some ten positions at once.
  const narrow = { ...memoryOf(network), batchTokens: 22 };
  const decoder = new Decoder(network, 2, narrow);
  for (const [from, to] of [
    [0, 60],
    [60, 66],
    [66, 67],
    [67, 128],
    [128, 129],
    [129, 150],
  ]) {
    const logits = await decoder.advance(columns(rows, from, to), unhurried);
    const expected = await withoutCache(
      network,
      rows.map((row) => row.slice(0, to)),
    );
    expect(decoder.length).toBe(to);
    expect(worstOfLargest(logits, expected), `after ${to} tokens`).toBeLessThan(tolerance);
  }
});
