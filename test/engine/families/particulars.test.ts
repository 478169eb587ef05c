import { readFileSync } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readModelConfig } from '../../../main/engine/families/index.ts';
import type { Family, ModelConfig } from '../../../main/engine/families/family.ts';
import type { PrunePlan } from '../../../main/engine/prune/plan.ts';
import { modelCosts } from '../../../main/engine/prune/plan.ts';
import { inspectModel } from '../../../main/studio/inspect-model.ts';
import { packBatches } from '../../../main/engine/runtime/batch.ts';
import { openModel, type Model } from '../../../main/engine/runtime/model.ts';
import { Network } from '../../../main/engine/runtime/network.ts';
import { openWeightStore } from '../../../main/engine/runtime/residency.ts';
import { worstOfLargest } from '../../fixtures/closeness.ts';
import { goldenFamily } from '../../fixtures/golden-files.ts';
import { masked } from '../../fixtures/masked-checkpoint.ts';
import { openNetwork, session } from '../../fixtures/open-network.ts';
import { layerPlan, writePruned } from '../../fixtures/pruned-folder.ts';
import { logitsOf } from '../../fixtures/whole-network.ts';
import { safetensorsBytes } from '../checkpoint/safetensors-file.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';

const sourceOf = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(path.join(goldenFamily(name).folder, 'config.json'), 'utf8')) as Record<
    string,
    unknown
  >;

const described = (
  name: string,
  changes: Record<string, unknown> = {},
): { family: Family; config: ModelConfig } => readModelConfig({ ...sourceOf(name), ...changes });

const all = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Every layer keeps these heads and all channels. */
const keeping = ({ config }: Model, heads: readonly number[]): PrunePlan => ({
  layers: config.layers.map((shape) => layerPlan(shape, heads, all(shape.mlpWidth))),
});

/** The tensors of a golden model under other names, in a folder of their own. */
async function rewritten(
  name: string,
  tensors: (stored: Map<string, { shape: number[]; bytes: Buffer }>) => void,
): Promise<string> {
  const { folder } = goldenFamily(name);
  const file = readFileSync(path.join(folder, 'model.safetensors'));
  const length = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<
    string,
    { shape: number[]; data_offsets?: [number, number] }
  >;
  const stored = new Map(
    Object.entries(header).flatMap(([tensor, { shape, data_offsets: range }]) =>
      range ? [[tensor, { shape, bytes: file.subarray(8 + length + range[0], 8 + length + range[1]) }]] : [],
    ),
  );
  tensors(stored);
  let end = 0;
  const written = [...stored].map(([tensor, { shape, bytes }]) => [
    tensor,
    { dtype: 'F32', shape, data_offsets: [end, (end += bytes.length)] },
  ]);
  const target = temporaryFolder();
  await copyFile(path.join(folder, 'config.json'), path.join(target, 'config.json'));
  const blocks = Buffer.concat([...stored.values()].map(({ bytes }) => bytes));
  const content = safetensorsBytes(Object.fromEntries(written) as Record<string, unknown>, blocks);
  await writeFile(path.join(target, 'model.safetensors'), content);
  return target;
}

describe('ALiBi', () => {
  it.each(['bloom', 'baichuan-13b'])('%s pruned twice keeps the slopes that its heads had', async (name) => {
    const { folder, inputIds } = goldenFamily(name);
    const [batch] = packBatches(inputIds.slice(0, 2), Infinity);
    const original = await openNetwork(folder);
    const once = await openNetwork(await writePruned(original.model, keeping(original.model, [1, 2, 4, 5])));
    const twice = await openNetwork(await writePruned(once.model, keeping(once.model, [0, 3])));
    expect(twice.model.config.headOrigins).toEqual({
      of: 6,
      kept: original.model.config.layers.map(() => [1, 5]),
    });
    const both = keeping(original.model, [1, 5]);
    const weights = openWeightStore(masked(original.model, both), 'stream');
    const reference = new Network(original.model, weights, session);
    const expected = await logitsOf(reference, batch);
    await reference.release();
    expect(worstOfLargest(await logitsOf(twice, batch), expected)).toBeLessThan(2e-5);
  });

  it('says nothing of heads where none are gone', () => {
    const { family, config } = described('bloom');
    const { json } = family.writeConfig(config, config);
    expect(Object.keys(json).filter((key) => key.startsWith('alibi'))).toEqual([]);
  });

  it.each([
    ['too few lists', [[0, 1]]],
    [
      'heads in disorder',
      [
        [1, 0],
        [0, 1],
        [0, 1],
      ],
    ],
    [
      'a head that there was not',
      [
        [0, 6],
        [0, 1],
        [0, 1],
      ],
    ],
    ['no lists', 'all'],
  ])('refuses %s', (_what, lists) => {
    const changes = { n_head: 2, head_dim: 8, alibi_num_heads: 6, alibi_heads_per_layer: lists };
    expect(() => described('bloom', changes)).toThrow(
      expect.objectContaining({
        code: 'config-invalid',
        message: expect.stringContaining('"alibi_heads_per_layer" should be a list a layer'),
      }),
    );
  });
});

describe('names and heads as files have them', () => {
  it('BLOOM without "transformer." in front is the same model', async () => {
    const { inputIds, tensors } = goldenFamily('bloom');
    const folder = await rewritten('bloom', (stored) => {
      for (const [name, tensor] of [...stored]) {
        stored.delete(name);
        stored.set(name.replace(/^transformer\./, ''), tensor);
      }
    });
    const found = await logitsOf(await openNetwork(folder), packBatches(inputIds, Infinity)[0]);
    expect(worstOfLargest(found, tensors.get('logits')?.data ?? [])).toBeLessThan(1e-5);
  });

  it('ChatGLM-6B with a head beside its embedding is tied where they are equal, and not where they differ', async () => {
    const embedding = 'transformer.word_embeddings.weight';
    const withHead = (change: (bytes: Buffer) => void): Promise<string> =>
      rewritten('chatglm', (stored) => {
        const tensor = stored.get(embedding);
        if (!tensor) throw new RangeError('The golden model has no embedding.');
        const bytes = Buffer.from(tensor.bytes);
        change(bytes);
        stored.set('lm_head.weight', { ...tensor, bytes });
      });
    for (const isTied of [true, false]) {
      const folder = await withHead((bytes) => (isTied ? bytes : bytes.writeFloatLE(0.5, 0)));
      const model = await openModel(folder);
      expect(model.config.tiedEmbeddings).toBe(isTied);
      const inspected = await inspectModel(folder);
      expect(inspected.config.tiedEmbeddings).toBe(isTied);
      expect(inspected.costsWith(inspected.config).parameters).toBe(
        modelCosts(model.family, model.config, model.config, () => 4).parameters,
      );
      const { json } = model.family.writeConfig(model.config, model.config);
      expect(readModelConfig(json).config.tiedEmbeddings).toBe(isTied);
      await model.checkpoint.close();
    }
  });
});

describe('ChatGLM-6B', () => {
  const { family, config } = described('chatglm');
  const side = (...ids: number[]): ReturnType<Family['sideInputs']> =>
    family.sideInputs(config, { length: ids.length, rows: [Int32Array.from(ids)] });

  it('lets a prefix see itself, and what follows only what comes before', () => {
    const { mask } = side(5, 91, 94, 6, 7);
    const seen = Array.from({ length: 5 }, (_, s) =>
      [...mask.data.subarray(5 * s, 5 * s + 5)].map((value) => (value === 0 ? 'x' : '.')).join(''),
    );
    expect(seen).toEqual(['xx...', 'xx...', 'xxx..', 'xxxx.', 'xxxxx']);
  });

  it.each([
    ['start token', [5, 91, 6], 'Row 0 has no start token, 94'],
    ['mask token', [5, 94, 6], 'Row 0 has no mask token, 91 or 90'],
  ])('needs a %s', (_what, ids, sentence) => {
    expect(() => side(...ids)).toThrow(
      expect.objectContaining({ code: 'tokens-invalid', message: expect.stringContaining(sentence) }),
    );
  });
});

describe('which loader opens what', () => {
  const written = (name: string, heads: number, mlpWidth: number): string => {
    const { family, config } = described(name);
    const shape = {
      heads,
      kvHeads: heads === config.layers[0].heads ? config.layers[0].kvHeads : heads,
      mlpWidth,
    };
    const layers = config.layers.map(() => shape);
    const origins = layers.map((_, layer) => ({ layer, heads: all(heads) }));
    return family.writeConfig(config, { hiddenSize: config.hiddenSize, layers, origins }).loaders;
  };

  it.each([
    ['qwen2', 2, 40, 'transformers (Qwen2ForCausalLM) and LLM-Pruner Studio open this folder.'],
    ['qwen3', 1, 20, 'transformers (Qwen3ForCausalLM) and LLM-Pruner Studio open this folder.'],
    ['mistral', 1, 20, 'transformers (MistralForCausalLM) and LLM-Pruner Studio open this folder.'],
    ['baichuan-7b', 4, 20, 'transformers with the modeling file of Baichuan-7B'],
    ['baichuan-7b', 3, 44, 'LLM-Pruner Studio opens this folder. transformers with the modeling file'],
    ['bloom', 6, 192, 'transformers (BloomForCausalLM) and LLM-Pruner Studio open this folder.'],
    [
      'bloom',
      6,
      100,
      'LLM-Pruner Studio opens this folder. transformers (BloomForCausalLM) refuses it: it takes a BLOOM’s MLP',
    ],
    ['chatglm', 4, 20, 'transformers with the modeling file of ChatGLM-6B'],
    [
      'chatglm',
      2,
      20,
      'LLM-Pruner Studio opens this folder. transformers with the modeling file of ChatGLM-6B',
    ],
    ['chatglm2', 4, 20, 'transformers with the modeling file of ChatGLM2 or 3 (trust_remote_code) and'],
  ])('%s with %i heads and %i channels everywhere', (name, heads, width, sentence) => {
    expect(written(name, heads, width)).toContain(sentence.replace('’', "'"));
  });
});

describe('heads that fit a stock loader but for their slopes', () => {
  // A model cut by heads and then by hidden indices: the heads that are left are as wide as they would be in its own.
  it.each([
    ['bloom', 4],
    ['baichuan-13b', 2],
  ])('%s: they are said to be computed otherwise there', (name, heads) => {
    const { family, config } = described(name);
    const hiddenSize = heads * config.headDim;
    const layers = config.layers.map(() => ({ heads, kvHeads: heads, mlpWidth: 4 * hiddenSize }));
    const origins = layers.map((_, layer) => ({ layer, heads: all(heads) }));
    const { loaders, json } = family.writeConfig(config, { hiddenSize, layers, origins });
    expect(json.alibi_heads_per_layer).toEqual(layers.map(() => all(heads)));
    expect(loaders).toMatch(
      /^LLM-Pruner Studio opens this folder\. .* opens it without complaint and computes/,
    );
  });
});

describe('a head of any width', () => {
  it('is read where no dimensions turn in pairs', () => {
    expect(described('bloom', { hidden_size: 60, n_embed: 60, n_head: 12 }).config.headDim).toBe(5);
  });
});

describe('an architecture whose other keys are of no family', () => {
  it('is not called unknown', () => {
    const changes = { architectures: ['BaiChuanForCausalLM'], model_max_length: 64 };
    expect(() => described('baichuan-7b', changes)).toThrow(
      expect.objectContaining({
        code: 'architecture-unknown',
        message: expect.stringContaining('its other keys are those of no family that goes by this name'),
      }),
    );
  });
});

describe('the padding token of a Baichuan', () => {
  const paddingOf = (id: unknown): unknown =>
    described('baichuan-7b', { pad_token_id: id }).config.details.paddingId;

  it('is the one named, or none', () => {
    expect(paddingOf(3)).toBe(3);
    expect(paddingOf(null)).toBeUndefined();
  });

  it.each(['0', -1, 0.5])('is not %o', (id) => {
    expect(() => paddingOf(id)).toThrow(expect.objectContaining({ code: 'config-invalid' }));
  });
});

describe('what is refused', () => {
  it.each([
    ['qwen2', { use_sliding_window: true }, '"use_sliding_window" is true; of Qwen2 only false is supported'],
    ['chatglm2', { rope_ratio: 50 }, '"rope_ratio" is 50'],
    ['chatglm2', { multi_query_attention: false }, '"multi_query_attention" is false'],
    ['chatglm2', { quantization_bit: 4 }, 'the weights are quantised ("quantization_bit")'],
    ['chatglm', { position_encoding_2d: false }, '"position_encoding_2d" is false'],
    ['chatglm2', { pre_seq_len: 128 }, '"pre_seq_len" is 128; models with a prefix encoder'],
    ['chatglm', { pre_seq_len: 128 }, '"pre_seq_len" is 128; models with a prefix encoder'],
    [
      'chatglm',
      { vocab_size: 150528, mask_token_id: null, gmask_token_id: null },
      'config.json is of the first release of ChatGLM-6B',
    ],
    ['baichuan-7b', { z_loss_weight: 0 }, 'config.json is of a Baichuan 2'],
  ])('%s with %o', (name, changes, sentence) => {
    expect(() => described(name, changes)).toThrow(
      expect.objectContaining({ code: 'feature-unsupported', message: expect.stringContaining(sentence) }),
    );
  });
});
