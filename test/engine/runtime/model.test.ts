import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openModel } from '../../../main/engine/runtime/model.ts';
import { openWeightStore } from '../../../main/engine/runtime/residency.ts';
import { goldenModelFolder } from '../../fixtures/golden-files.ts';
import { openNetwork } from '../../fixtures/open-network.ts';
import { rejection } from '../checkpoint/rejection.ts';
import { canCountOpenFiles, openFilesBelow, temporaryFolder } from '../checkpoint/temporary-folder.ts';

/** A golden model whose config.json was changed. */
async function changedModel(name: string, changes: Record<string, unknown>): Promise<string> {
  const folder = path.join(temporaryFolder(), name);
  await cp(goldenModelFolder(name), folder, { recursive: true });
  const config = path.join(folder, 'config.json');
  const source = JSON.parse(await readFile(config, 'utf8')) as object;
  await writeFile(config, JSON.stringify({ ...source, ...changes }));
  return folder;
}

describe('opening a model', () => {
  it.each<[string, Record<string, unknown>, string, string]>([
    [
      'gqa',
      { intermediate_size: 41 },
      'tensor-shape',
      'The weight model.layers.0.mlp.gate_proj.weight should be [41, 48] by config.json, but the file has [40, 48].',
    ],
    ['gqa', { vocab_size: 98 }, 'tensor-shape', 'The weight model.embed_tokens.weight should be [98, 48]'],
    ['gqa', { num_hidden_layers: 5 }, 'tensor-missing', 'model.layers.4.input_layernorm.weight'],
    ['tied', { tie_word_embeddings: false }, 'tensor-missing', 'lm_head.weight'],
    ['gqa', { attention_bias: true }, 'tensor-missing', 'self_attn.q_proj.bias'],
  ])('%s with %o is refused before a weight is read, and closed', async (name, changes, code, message) => {
    const folder = await changedModel(name, changes);
    const error = await rejection(openModel(folder));
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    if (canCountOpenFiles) expect(openFilesBelow(folder)).toEqual([]);
  });
});

describe('the weight store', () => {
  const names = ['model.norm.weight', 'lm_head.weight'];

  it.each([
    ['stream', false],
    ['ram', true],
  ] as const)('%s keeps what was taken: %s', async (residency, keeps) => {
    const { model } = await openNetwork(goldenModelFolder('mha'));
    const store = openWeightStore(model.checkpoint, residency);
    const [first, again] = [await store.take(names), await store.take(names)];
    for (const name of names) {
      expect(first[name].dims).toEqual(model.checkpoint.info(name).shape);
      expect(again[name]).toEqual(first[name]);
      expect(again[name] === first[name]).toBe(keeps);
    }
  });

  it('reads ahead once: what was prefetched is what is taken', async () => {
    const { model } = await openNetwork(goldenModelFolder('mha'));
    const read: string[] = [];
    const counting = Object.assign(Object.create(model.checkpoint) as typeof model.checkpoint, {
      read: (name: string) => {
        read.push(name);
        return model.checkpoint.read(name);
      },
    });
    const store = openWeightStore(counting, 'stream');
    store.prefetch(names);
    store.prefetch(names);
    await store.take(names);
    expect(read).toEqual(names);
    await store.take(names);
    expect(read).toEqual([...names, ...names]);
  });

  it('tells of a failed prefetch when the weight is taken', async () => {
    const model = await openModel(goldenModelFolder('mha'));
    const store = openWeightStore(model.checkpoint, 'stream');
    await model.checkpoint.close();
    store.prefetch(names);
    expect((await rejection(store.take(names))).code).toBe('file-unreadable');
  });
});
