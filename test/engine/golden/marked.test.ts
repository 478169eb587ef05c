import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ended, replyBehindMarks } from '../../../main/engine/dataset/marked-rows.ts';
import { measurePerplexity } from '../../../main/engine/evaluate/perplexity.ts';
import { packBatches } from '../../../main/engine/runtime/batch.ts';
import { worstOfLargest } from '../../fixtures/closeness.ts';
import { goldenFamily, goldenMarked } from '../../fixtures/golden-files.ts';
import { openNetwork, unhurried } from '../../fixtures/open-network.ts';
import { wholeGraph } from '../../fixtures/whole-network.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';

/** Of a loss of about 6, absolute; relative for perplexities; relative to the largest value of a gradient. */
const tolerance = { loss: 3e-6, perplexity: 1e-5, gradients: 1e-4 };

describe.each(['chatglm', 'chatglm2'] as const)('%s reads behind its marks', (name) => {
  const golden = goldenMarked(name);
  const rows = golden.dialogues.map(({ context, reply }) =>
    replyBehindMarks(golden.marks, context, ended(reply, golden.eosId)),
  );

  it('a dialogue, put together as published, with the loss of the reply alone', async () => {
    expect(rows.map(({ ids }) => ids)).toEqual(golden.dialogues.map(({ ids }) => ids));
    const { model } = await openNetwork(goldenFamily(name).folder);
    for (const [i, { ids, learnt }] of rows.entries()) {
      const { loss } = await wholeGraph(model, packBatches([ids], Infinity, [learnt]));
      expect(Math.abs(loss - golden.dialogues[i].loss), `dialogue ${i}`).toBeLessThan(tolerance.loss);
    }
  });

  it('several, with the gradient of the mean over the tokens of all replies', async () => {
    const { model } = await openNetwork(goldenFamily(name).folder);
    const batches = packBatches(
      rows.map(({ ids }) => ids),
      Infinity,
      rows.map(({ learnt }) => learnt),
    );
    const { loss, gradients } = await wholeGraph(model, batches);
    expect(Math.abs(loss - golden.loss)).toBeLessThan(tolerance.loss);
    for (const [param, expected] of Object.entries(golden.gradients)) {
      const found = gradients.get(param) ?? [];
      expect(worstOfLargest(found, expected), param).toBeLessThan(tolerance.gradients);
    }
  });

  it('a text, of which every token of a chunk is predicted', async () => {
    const network = await openNetwork(goldenFamily(name).folder);
    const tools = {
      memory: { budgetBytes: 2 ** 26, residency: 'ram', batchTokens: 100, activationBytes: 2 ** 24 },
      scratchPath: path.join(temporaryFolder(), 'scratch'),
      pace: unhurried,
      marks: golden.marks.ids,
    } as const;
    for (const [seqLen, expected] of Object.entries(golden.perplexity)) {
      const found = await measurePerplexity(network, golden.text, Number(seqLen), tools);
      expect(Math.abs(found.perplexity / expected - 1), seqLen).toBeLessThan(tolerance.perplexity);
      expect(found.chunks).toBe(Math.floor(golden.text.length / Number(seqLen)));
    }
  });
});
