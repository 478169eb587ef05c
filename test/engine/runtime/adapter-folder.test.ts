import { cp, rename } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { primaryExporter } from '../../../main/engine/export/index.ts';
import { measurePerplexity } from '../../../main/engine/evaluate/perplexity.ts';
import { MergedWeights } from '../../../main/engine/recover/merge.ts';
import { ActivationStore } from '../../../main/engine/runtime/activation-store.ts';
import { packBatches } from '../../../main/engine/runtime/batch.ts';
import { Decoder } from '../../../main/engine/runtime/decoder.ts';
import { forwardPass, hiddenKey } from '../../../main/engine/runtime/forward-pass.ts';
import { planMemory } from '../../../main/engine/runtime/memory-plan.ts';
import { describeModel } from '../../../main/engine/runtime/model.ts';
import type { Network } from '../../../main/engine/runtime/network.ts';
import { changeJson } from '../../cli/bad-input/bad-input.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';
import { openedModel } from '../../fixtures/adapted-network.ts';
import { worstOfLargest } from '../../fixtures/closeness.ts';
import { exampleAdaptation, exampleAdapter, writeExampleAdapter } from '../../fixtures/example-adapter.ts';
import { goldenModelFolder, goldenTensors, goldenTokenRows } from '../../fixtures/golden-files.ts';
import { openNetwork, unhurried } from '../../fixtures/open-network.ts';
import { randomRows } from '../../fixtures/random-model.ts';

const goldenFolder = path.resolve('test/golden/lora/adapter');

async function logitsOf(network: Network): Promise<Float32Array> {
  const [batch] = packBatches(goldenTokenRows('lora', 'adapter-logits'), 2 ** 20);
  const store = new ActivationStore(path.join(temporaryFolder(), 'activations'), Infinity);
  await forwardPass(network, [batch], store, unhurried, false);
  return (await network.logits(await store.get(hiddenKey(network.layerCount, 0)), batch)).data;
}

/** The example adapter on a copy of a golden model, and the folder into which it is merged. */
async function adapterAndMerged(name: string): Promise<{ adapter: string; merged: string; base: string }> {
  const folder = temporaryFolder();
  const [adapter, merged, base] = ['recovered', 'merged', 'model'].map((part) => path.join(folder, part));
  await cp(goldenModelFolder(name), base, { recursive: true });
  const model = await openedModel(base);
  await writeExampleAdapter(model, adapter);
  await changeConfig(adapter, { base_model_name_or_path: base });
  const weights = new MergedWeights(model, exampleAdapter(model), exampleAdaptation, { threads: 2 });
  onTestFinished(() => weights.release());
  const card = { baseModel: name, parametersBefore: 1, parametersAfter: 1, pruning: null, training: null };
  const source = { model, shape: model.config, tensors: weights.tensors(), card, pace: unhurried };
  await primaryExporter.write(source, merged);
  return { adapter, merged, base };
}

const changeConfig = (folder: string, changes: Readonly<Record<string, unknown>>): Promise<void> =>
  changeJson(path.join(folder, 'adapter_config.json'), changes);

async function perplexityOf(network: Network): Promise<number> {
  const memory = planMemory(network.model.config, 1, 2 ** 30);
  const tools = { memory, scratchPath: path.join(temporaryFolder(), 'scratch'), pace: unhurried };
  return (await measurePerplexity(network, Int32Array.from(randomRows(1, 400)[0]), 32, tools)).perplexity;
}

/** Greedy, token by token, over kept keys and values. */
async function tokensOf(network: Network): Promise<number[]> {
  const decoder = new Decoder(network, 1, planMemory(network.model.config, 1, 2 ** 30));
  const tokens: number[] = [];
  let next = Int32Array.from([5, 17, 42, 9]);
  for (let i = 0; i < 24; i++) {
    const logits = await decoder.advance(next, unhurried);
    tokens.push(logits.indexOf(Math.max(...logits)));
    next = Int32Array.of(tokens[i]);
  }
  return tokens;
}

it('has peft’s logits: the adapter beside its model, and merged by peft', async () => {
  const golden = goldenTensors('lora', 'adapter-logits');
  const found = await logitsOf(await openNetwork(goldenFolder));
  for (const kind of ['beside', 'merged'])
    expect(worstOfLargest(found, golden.get(kind)?.data ?? []), kind).toBeLessThan(1e-5);
});

describe.each(['gqa', 'sharded-bf16', 'half-f16'])('the adapter’s folder on %s', (name) => {
  it('holds the weights of the merged folder, to the bit, whole and by rows', async () => {
    const { adapter, merged } = await adapterAndMerged(name);
    const [beside, written] = [await openedModel(adapter), await openedModel(merged)];
    for (const { name: weight, shape } of written.checkpoint.tensors.values()) {
      const expected = await written.checkpoint.read(weight);
      expect(await beside.checkpoint.read(weight), weight).toEqual(expected);
      const rows = await beside.checkpoint.readRows(weight, 1, shape[0]);
      expect(rows, weight).toEqual(expected.subarray(expected.length / shape[0]));
    }
  });

  it('says the tokens and has the perplexity of the merged folder, weights kept or streamed', async () => {
    const { adapter, merged, base } = await adapterAndMerged(name);
    const expected = await openNetwork(merged);
    const [tokens, perplexity] = [await tokensOf(expected), await perplexityOf(expected)];
    expect(await perplexityOf(await openNetwork(base))).not.toBe(perplexity);
    for (const residency of ['ram', 'stream'] as const) {
      const network = await openNetwork(adapter, residency);
      expect(await tokensOf(network)).toEqual(tokens);
      expect(await perplexityOf(network)).toBe(perplexity);
    }
  });
});

it('finds its base model beside it where both were moved together', async () => {
  const { adapter, base } = await adapterAndMerged('gqa');
  const moved = path.join(temporaryFolder(), 'moved');
  await rename(path.dirname(adapter), moved);
  const { folder, baseFolder } = await describeModel(path.join(moved, 'recovered'));
  expect([folder, baseFolder]).toEqual([path.join(moved, 'recovered'), path.join(moved, 'model')]);
  await changeConfig(path.join(moved, 'recovered'), { base_model_name_or_path: `/nowhere${base}s` });
  await expect(describeModel(path.join(moved, 'recovered'))).rejects.toMatchObject({ code: 'file-missing' });
});

describe('refuses, with a hint,', () => {
  it.each<[string, Readonly<Record<string, unknown>>, string, RegExp]>([
    ['a base on the hub', { base_model_name_or_path: 'org/model' }, 'file-missing', /which was not found/],
    ['a base on a server', { base_model_name_or_path: '\\\\server\\gone' }, 'file-missing', /not found/],
    ['no base', { base_model_name_or_path: null }, 'config-invalid', /base_model_name_or_path/],
    [
      'an adapter of an adapter',
      { base_model_name_or_path: '.' },
      'feature-unsupported',
      /an adapter itself/,
    ],
    ['another kind of adapter', { peft_type: 'IA3' }, 'feature-unsupported', /peft_type "IA3"/],
    ['DoRA', { use_dora: true }, 'feature-unsupported', /use_dora true/],
    ['rank-stabilised scaling', { use_rslora: true }, 'feature-unsupported', /use_rslora true/],
    ['trained biases', { bias: 'all' }, 'feature-unsupported', /bias "all"/],
    ['whole modules', { modules_to_save: ['lm_head'] }, 'feature-unsupported', /modules_to_save/],
    ['ranks of their own', { rank_pattern: { q_proj: 2 } }, 'feature-unsupported', /rank_pattern/],
    ['a start that changes the base', { init_lora_weights: 'pissa' }, 'feature-unsupported', /pissa/],
    ['targets by an expression', { target_modules: '.*proj' }, 'feature-unsupported', /target_modules/],
    ['a rank that is none', { r: 0 }, 'config-invalid', /r should be a whole number/],
    ['another rank', { r: 4 }, 'tensor-shape', /should be \[4, /],
    ['fewer targets', { target_modules: ['q_proj'] }, 'tensor-missing', /no such linear weight/],
    [
      'more targets',
      { target_modules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'down_proj'] },
      'tensor-missing',
      /k_proj/,
    ],
  ])('%s', async (_what, changes, code, message) => {
    const { adapter } = await adapterAndMerged('gqa');
    await changeConfig(adapter, changes);
    const opening = openedModel(adapter);
    await expect(opening).rejects.toMatchObject({ code, hint: expect.any(String) as string });
    await expect(opening).rejects.toThrow(message);
  });

  it('the adapter of a model of other widths', async () => {
    const { adapter } = await adapterAndMerged('gqa');
    await changeConfig(adapter, { base_model_name_or_path: goldenModelFolder('mha') });
    await expect(openedModel(adapter)).rejects.toMatchObject({ code: 'tensor-shape' });
  });
});
