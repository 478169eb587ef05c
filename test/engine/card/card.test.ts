import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { OnnxGraph } from '../../../main/engine/onnx/onnx-graph.ts';
import type { LayerScores } from '../../../main/engine/prune/estimate.ts';
import { measurePerplexity } from '../../../main/engine/evaluate/perplexity.ts';
import { initialAdapter } from '../../../main/engine/recover/adapter.ts';
import { adapterGradients } from '../../../main/engine/recover/adapter-gradients.ts';
import { adamwStep, clippingScale, trainedParameter } from '../../../main/engine/recover/adamw.ts';
import { ActivationStore } from '../../../main/engine/runtime/activation-store.ts';
import { packBatches } from '../../../main/engine/runtime/batch.ts';
import { Decoder } from '../../../main/engine/runtime/decoder.ts';
import { planMemory } from '../../../main/engine/runtime/memory-plan.ts';
import { forwardPass, hiddenKey } from '../../../main/engine/runtime/forward-pass.ts';
import type { Network } from '../../../main/engine/runtime/network.ts';
import type { Residency } from '../../../main/engine/runtime/residency.ts';
import { operatorsIn } from '../../../main/engine/runtime/operator-placement.ts';
import { OnCard, openSession, weightFeed, type Values } from '../../../main/engine/runtime/session.ts';
import {
  adaptedNetwork,
  examplesOf,
  llamaTargets,
  openedModel,
  passOptions,
} from '../../fixtures/adapted-network.ts';
import { worstOfLargest } from '../../fixtures/closeness.ts';
import { estimated } from '../../fixtures/estimating.ts';
import { goldenForward, goldenLora, goldenModelFolder, goldenScores } from '../../fixtures/golden-files.ts';
import { everywhere, selected } from '../../fixtures/local-selection.ts';
import { openNetwork, session, unhurried } from '../../fixtures/open-network.ts';
import { useSoftwareCard } from '../../fixtures/software-card.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';

// Compared with the processor's results: PyTorch's are compared with those elsewhere. Tolerances are of float32 sums
// in another order; the scores' is the one that PyTorch's scores are given.
const perplexityTolerance = 1e-5;
const scoreTolerance = 1e-4;
const lossTolerance = 1e-5;
const logitTolerance = 1e-5;

beforeAll(useSoftwareCard);

const ways: readonly (readonly [string, Residency])[] = [
  ['kept on the card', 'card'],
  ['streamed to it', 'stream'],
];

async function perplexityOf(network: Network): Promise<number> {
  const memory = {
    budgetBytes: 2 ** 26,
    residency: 'ram',
    batchTokens: 128,
    activationBytes: 2 ** 24,
  } as const;
  const scratchPath = path.join(temporaryFolder(), 'scratch');
  const { perplexity } = goldenForward('gqa');
  const tokens = perplexity.tokens.slice(0, 256);
  return (await measurePerplexity(network, tokens, 32, { memory, scratchPath, pace: unhurried })).perplexity;
}

describe.each(['gqa', 'sharded-bf16', 'half-f16'])('%s on a card', (name) => {
  it.each(ways)('has the perplexity it has on the processor, weights %s', async (_how, residency) => {
    const expected = await perplexityOf(await openNetwork(goldenModelFolder(name)));
    const found = await perplexityOf(await openNetwork(goldenModelFolder(name), residency, 'webgpu'));
    expect(Math.abs(found / expected - 1)).toBeLessThan(perplexityTolerance);
  });
});

it('tells of operators that the card leaves to the processor, and not of shapes', async () => {
  const folder = temporaryFolder();
  const g = new OnnxGraph();
  // BitCast has no kernel there, and brings an operator set whose Transpose has none either.
  const numbers = g.toFloat(g.input('x', 'uint16', ['n', 4]), 'BF16');
  const turned = g.exp(g.transpose(numbers, [1, 0]));
  g.output('y', g.op('Reshape', [turned, g.shapeOf(numbers)]), 'float', ['n', 4]);
  const program = { model: g.encode(), inputs: g.usedInputs(), outputs: g.outputNames() };
  const options = { ...session, device: 'webgpu', profilePrefix: path.join(folder, 'session') } as const;
  const opened = await openSession(program, options);
  await opened.run({ x: weightFeed(new Uint16Array(8), 'BF16', [2, 4]) });
  await opened.release();
  const { card, processor } = await operatorsIn(folder, 'session');
  expect(processor).toEqual(['BitCast', 'Cast', 'Transpose']);
  expect(card).toContain('Exp');
});

it('keeps weights on the card: a weight is read from the disk once and sent once', async () => {
  const network = await openNetwork(goldenModelFolder('sharded-bf16'), 'card');
  const [first, again] = [await network.takeLayer(0), await network.takeLayer(0)];
  for (const [name, feed] of Object.entries(first)) {
    expect(feed.data, name).toBeInstanceOf(OnCard);
    expect(again[name], name).toBe(feed);
  }
  network.weights.release();
});

it('keeps hidden states on the card between layers, up to the budget, and fetches what is above', async () => {
  const network = await openNetwork(goldenModelFolder('gqa'), 'card');
  const [batch] = packBatches(goldenForward('gqa').inputIds.slice(0, 2), 100);
  const found = new Map<number, Values>();
  for (const budgetBytes of [Infinity, 0]) {
    const store = new ActivationStore(path.join(temporaryFolder(), 'scratch'), budgetBytes);
    await forwardPass(network, [batch], store, unhurried, false);
    const last = await store.get(hiddenKey(network.layerCount, 0));
    found.set(budgetBytes, last instanceof OnCard ? last : last.slice());
    if (last instanceof OnCard) found.set(1, (await network.logits(last, batch)).data);
    else expect((await network.logits(last, batch)).data).toEqual(found.get(1));
    await store.close();
  }
  expect(found.get(Infinity)).toBeInstanceOf(OnCard);
  expect(found.get(0)).toBeInstanceOf(Float32Array);
});

it('scores alike with every activation fetched from the card', async () => {
  const rows = goldenScores('gqa-3').inputIds.slice(0, 3);
  const choices = { criterion: 'taylor-element1', rows, batchTokens: 24 };
  const onCard = { ...choices, session: { ...session, device: 'webgpu' as const } };
  const network = await openNetwork(goldenModelFolder('gqa'), 'card');
  const kept = await estimated(network, onCard);
  expect(await estimated(network, { ...onCard, activationBytes: 0 })).toEqual(kept);
});

const byLayer = (scores: ReadonlyMap<number, LayerScores>): LayerScores[] =>
  [...scores.values()].sort((a, b) => a.layer - b.layer);

describe.each(['taylor-element1', 'taylor-vector', 'magnitude-l2'])('%s on a card', (criterion) => {
  it.each(ways)('scores and picks as on the processor, weights %s', async (_how, residency) => {
    const rows = goldenScores('gqa-3').inputIds.slice(0, 6);
    const cpu = await openNetwork(goldenModelFolder('gqa'));
    const card = await openNetwork(goldenModelFolder('gqa'), residency, 'webgpu');
    const choices = { criterion, rows, batchTokens: 72 };
    const expected = await estimated(cpu, choices);
    const found = await estimated(card, { ...choices, session: { ...session, device: 'webgpu' } });
    for (const [layer, scores] of byLayer(found.scores).entries()) {
      const { heads, channels } = byLayer(expected.scores)[layer];
      expect(worstOfLargest(scores.heads, heads), `heads of layer ${layer}`).toBeLessThan(scoreTolerance);
      expect(worstOfLargest(scores.channels, channels), `channels of layer ${layer}`).toBeLessThan(
        scoreTolerance,
      );
    }
    const selection = { ratio: 0.5, windows: everywhere(cpu.model.config) };
    expect(selected(cpu.model, selection, found.scores)).toEqual(
      selected(cpu.model, selection, expected.scores),
    );
  });
});

it.each(ways)(
  'decodes a prompt, then token by token, as on the processor, weights %s',
  async (_how, residency) => {
    const ids = Int32Array.from(goldenForward('gqa').inputIds[0]);
    const logits = async (network: Network): Promise<Float32Array[]> => {
      const decoder = new Decoder(network, 1, planMemory(network.model.config, 1, 2 ** 26));
      const parts = [ids.subarray(0, 8), ...Array.from(ids.subarray(8, 12), (id) => Int32Array.of(id))];
      const found: Float32Array[] = [];
      for (const part of parts) found.push((await decoder.advance(part, unhurried)).slice());
      return found;
    };
    const expected = await logits(await openNetwork(goldenModelFolder('gqa')));
    const found = await logits(await openNetwork(goldenModelFolder('gqa'), residency, 'webgpu'));
    found.forEach((part, i) => {
      expect(worstOfLargest(part, expected[i]), `part ${i}`).toBeLessThan(logitTolerance);
    });
  },
);

/** Losses of so many steps of AdamW on an adapter, with dropout. */
async function lossCurve(residency: Residency, steps: number): Promise<number[]> {
  const model = await openedModel(goldenModelFolder('gqa'));
  const adaptation = { rank: 4, alpha: 8, targets: llamaTargets, masked: true };
  const adapter = initialAdapter(model, adaptation, 7);
  const network = adaptedNetwork(model, adaptation, adapter, residency);
  const parameters = adapter.map(({ name, values }) => trainedParameter(name, values, true));
  const examples = examplesOf(goldenLora('gqa').curve.rows.slice(0, 2));
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const dropout = { rate: 0.1, seed: 3, step };
    const { loss, gradients } = await adapterGradients(network, examples, dropout, passOptions());
    const ordered = parameters.map(({ name }) => gradients.get(name) ?? new Float32Array());
    const { scale } = clippingScale(ordered, 1);
    parameters.forEach((parameter, i) => {
      const at = { step: step + 1, learningRate: 0.01, scale };
      adamwStep(parameter, ordered[i], at, { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 });
    });
    losses.push(loss);
  }
  return losses;
}

it('falls along the loss curve of the processor for 15 steps of LoRA', { timeout: 300_000 }, async () => {
  const expected = await lossCurve('ram', 15);
  const found = await lossCurve('card', 15);
  expect(expected[14]).toBeLessThan(expected[0]);
  found.forEach((loss, step) => {
    expect(Math.abs(loss / expected[step] - 1), `loss of step ${step}`).toBeLessThan(lossTolerance);
  });
});

it('gives the same bits again', async () => {
  expect(await lossCurve('card', 2)).toEqual(await lossCurve('card', 2));
});
