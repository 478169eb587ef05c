import { cp, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command, documentOf } from '../fixtures/command-line.ts';
import { goldenForward, goldenModelFolder } from '../fixtures/golden-files.ts';
import { writeRows } from '../fixtures/random-model.ts';

const golden = path.resolve(import.meta.dirname, '../golden');
const tokenizers = path.resolve(import.meta.dirname, '../engine/tokenizer/golden');

let folder: string;
/** half-f16 in two .bin shards, with the files of a SentencePiece tokenizer. */
let torch: string;
const tokenizerFiles = ['added_tokens.json', 'tokenizer.model', 'tokenizer_config.json'];
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'torch-model-'));
  torch = path.join(folder, 'torch');
  await cp(path.join(golden, 'torch/half-f16'), torch, { recursive: true });
  for (const file of tokenizerFiles)
    await cp(path.join(tokenizers, 'sentencepiece-llama', file), path.join(torch, file));
});
afterAll(() => rm(folder, { recursive: true }));

describe('a model as PyTorch saved it', () => {
  it('is inspected, and said to be one', async () => {
    const inspected = await command('inspect', torch, '--json');
    expect(documentOf(inspected)).toMatchObject({ hasWeights: true, weightFormat: 'torch' });
    expect((await command('inspect', torch)).stdout).toMatch(/Weights +\S+ MiB \(PyTorch \.bin\)/);
  });

  it('is pruned to the same bytes as from safetensors, with its tokenizer beside them', async () => {
    const rows = await writeRows(path.join(folder, 'rows.jsonl'), goldenForward('half-f16').inputIds);
    const pruned = async (model: string, name: string): Promise<string> => {
      const out = path.join(folder, name);
      const set = [
        `model=${model}`,
        `calibration.source=${rows}`,
        'prune.layers.attention=[0,2]',
        'prune.layers.mlp=[0,2]',
        'prune.ratio=0.5',
      ];
      const { code, stderr } = await command('run', ...set.flatMap((one) => ['--set', one]), '--out', out);
      expect([code, stderr]).toEqual([0, expect.stringContaining('slicing')]);
      return path.join(out, 'model');
    };
    const fromTorch = await pruned(torch, 'from-torch');
    const fromSafetensors = await pruned(goldenModelFolder('half-f16'), 'from-safetensors');
    const weights = (model: string): Promise<Buffer> => readFile(path.join(model, 'model.safetensors'));
    expect((await weights(fromTorch)).equals(await weights(fromSafetensors))).toBe(true);
    for (const file of tokenizerFiles)
      expect(await readFile(path.join(fromTorch, file))).toEqual(await readFile(path.join(torch, file)));
    expect((await readdir(fromTorch)).filter((name) => name.endsWith('.bin'))).toEqual([]);
  });
});
