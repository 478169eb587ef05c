import { copyFile, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { safetensorsBytes } from '../../engine/checkpoint/safetensors-file.ts';
import { randomRows, writeRows } from '../../fixtures/random-model.ts';
import { changeJson, copiedModel, runOf, type BadInput } from './bad-input.ts';

/** Real pickles that run programs where they are believed. */
const attacks = path.join(import.meta.dirname, '../../golden/torch/attacks');
const weights = 'model.safetensors';
const shard = 'model-00003-of-00005.safetensors';
const firstParam = 'model.layers.0.mlp.gate_proj.weight';

/** A run of a golden model in which `spoil` has changed something. */
const spoilt =
  (spoil: (model: string) => Promise<void>, name?: string): BadInput['arrange'] =>
  async (folder) => {
    const model = await copiedModel(folder, name);
    await spoil(model);
    return runOf(folder, model);
  };

/** With other keys in config.json. */
const configured = (changes: Readonly<Record<string, unknown>>): BadInput['arrange'] =>
  spoilt((model) => changeJson(path.join(model, 'config.json'), changes));

interface Header {
  [tensor: string]: { dtype: string; shape: number[]; data_offsets: [number, number] };
}

/** With another header over the same data. */
const relabelled = (change: (header: Header) => unknown): BadInput['arrange'] =>
  spoilt(async (model) => {
    const file = path.join(model, weights);
    const bytes = await readFile(file);
    const end = 8 + Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.toString('utf8', 8, end)) as Header;
    await writeFile(file, safetensorsBytes(JSON.stringify(change(header)), bytes.subarray(end)));
  });

/** With other bytes in place of the weights. */
const replaced = (bytes: string | Uint8Array): BadInput['arrange'] =>
  spoilt((model) => writeFile(path.join(model, weights), bytes));

/** The last weights of the file: all NaN. */
async function fillWithNaN(model: string): Promise<void> {
  const bytes = await readFile(path.join(model, weights));
  await writeFile(path.join(model, weights), bytes.fill(0xff, bytes.length - 4096));
}

const headerLength = (length: bigint): Uint8Array => new Uint8Array(BigUint64Array.of(length).buffer);

export const badModels: readonly BadInput[] = [
  {
    what: 'a model folder that does not exist',
    code: 'file-missing',
    sentence: 'nowhere does not exist.',
    arrange: (folder) => runOf(folder, path.join(folder, 'nowhere')),
  },
  {
    what: 'a file in place of the model folder',
    code: 'file-missing',
    sentence: 'rows.jsonl is a file, not a model folder.',
    arrange: (folder) => runOf(folder, path.join(folder, 'rows.jsonl')),
  },
  {
    what: 'a folder without config.json',
    code: 'file-missing',
    sentence: 'model holds no model: it has no config.json.',
    arrange: spoilt((model) => rm(path.join(model, 'config.json'))),
  },
  {
    what: 'a folder without weights',
    code: 'file-missing',
    sentence:
      'has no weights: expected model.safetensors, pytorch_model.bin, or an index of shards, found no file of weights',
    arrange: spoilt((model) => rm(path.join(model, weights))),
  },
  {
    what: 'half a file that PyTorch wrote',
    code: 'header-invalid',
    sentence: 'pytorch_model.bin is not a file of PyTorch',
    arrange: spoilt(async (model) => {
      await rm(path.join(model, weights));
      await writeFile(path.join(model, 'pytorch_model.bin'), 'PK');
    }),
  },
  {
    what: 'weights that ask for a program to be run',
    code: 'code-refused',
    sentence: 'pytorch_model.bin asks for "posix.system"',
    arrange: spoilt(async (model) => {
      await rm(path.join(model, weights));
      await copyFile(path.join(attacks, 'os-system.bin'), path.join(model, 'pytorch_model.bin'));
    }),
  },
  {
    what: 'a missing shard',
    code: 'file-missing',
    sentence: `${shard} does not exist`,
    arrange: spoilt((model) => rm(path.join(model, shard)), 'sharded-bf16'),
  },
  {
    what: 'a truncated shard',
    code: 'header-truncated',
    sentence: `${shard} is cut short: it has 12000 bytes; its last tensor should end at byte 12744`,
    arrange: spoilt((model) => truncate(path.join(model, shard), 12_000), 'sharded-bf16'),
  },
  {
    what: 'an index that names a tensor its shard lacks',
    code: 'header-invalid',
    sentence: `tensor "x" is said to be in ${shard}, which lacks it`,
    arrange: spoilt(async (model) => {
      const index = path.join(model, 'model.safetensors.index.json');
      const { weight_map: map } = JSON.parse(await readFile(index, 'utf8')) as { weight_map: object };
      await changeJson(index, { weight_map: { ...map, x: shard } });
    }, 'sharded-bf16'),
  },
  {
    what: 'an index that leads out of the folder',
    code: 'header-invalid',
    sentence: 'is said to be in "../x.safetensors", expected a .safetensors file beside it',
    arrange: spoilt(
      (model) =>
        changeJson(path.join(model, 'model.safetensors.index.json'), {
          weight_map: { x: '../x.safetensors' },
        }),
      'sharded-bf16',
    ),
  },
  {
    what: 'truncated weights',
    code: 'header-truncated',
    sentence: 'is cut short: it has 245695 bytes; its last tensor should end at byte 245696',
    arrange: spoilt((model) => truncate(path.join(model, weights), 245_695)),
  },
  {
    what: 'weights cut within the header',
    code: 'header-truncated',
    sentence: 'its header alone should end at byte',
    arrange: spoilt((model) => truncate(path.join(model, weights), 100)),
  },
  {
    what: 'an empty file of weights',
    code: 'header-truncated',
    sentence: 'has 0 bytes; the length of the header alone takes 8',
    arrange: replaced(''),
  },
  {
    what: 'a header that claims to be longer than any',
    code: 'limit-exceeded',
    sentence: 'its first eight bytes give a header of 1099511627776 bytes; at most 100000000 are allowed',
    arrange: replaced(headerLength(2n ** 40n)),
  },
  {
    what: 'a header that is not JSON',
    code: 'header-invalid',
    sentence: /model\.safetensors: its header is not valid at character 1: /,
    arrange: replaced(safetensorsBytes('{nonsense}')),
  },
  {
    what: 'a Git LFS pointer',
    code: 'header-invalid',
    sentence: 'is a Git LFS pointer, not the weights themselves',
    arrange: replaced('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 245696\n'),
  },
  {
    what: 'a header that lies about a shape',
    code: 'header-invalid',
    sentence: `tensor "${firstParam}" of F32 [40, 49] needs 7840 bytes, but its data_offsets span 7680`,
    arrange: relabelled((tensors) => ({
      ...tensors,
      [firstParam]: { ...tensors[firstParam], shape: [40, 49] },
    })),
  },
  {
    what: 'a header whose tensors overlap',
    code: 'header-invalid',
    sentence: 'overlaps the tensor before it',
    arrange: relabelled((tensors) => ({ ...tensors, copy: tensors[firstParam] })),
  },
  {
    what: 'a header that leaves data unused',
    code: 'header-invalid',
    sentence: 'leaves unused bytes before it',
    arrange: relabelled((tensors) => ({ ...tensors, [firstParam]: undefined })),
  },
  {
    what: 'a tensor under another name',
    code: 'tensor-missing',
    sentence: `has no tensor "${firstParam}" among its 39`,
    arrange: relabelled(({ [firstParam]: tensor, ...tensors }) => ({ ...tensors, other: tensor })),
  },
  {
    what: 'weights that are quantized',
    code: 'tensor-dtype',
    sentence: 'has the dtype I32; weights are F32, F16 or BF16',
    arrange: relabelled((tensors) => ({
      ...tensors,
      [firstParam]: { ...tensors[firstParam], dtype: 'I32' },
    })),
  },
  {
    what: 'weights that are not numbers',
    code: 'compute-failed',
    sentence: 'A score in layer 2 is not a finite number.',
    foundByRun: true,
    arrange: spoilt(fillWithNaN),
  },
  {
    what: 'weights that are not numbers, to be evaluated',
    code: 'compute-failed',
    sentence: /^The perplexity of .*model is not a finite number\.$/,
    arrange: async (folder: string): Promise<string[]> => {
      const model = await copiedModel(folder);
      await fillWithNaN(model);
      const text = await writeRows(path.join(folder, 'rows.jsonl'), randomRows(1, 64));
      return ['eval', model, '--text', text, '--seq-len', '32'];
    },
  },
  {
    what: 'a config of wider layers than the weights have',
    code: 'tensor-shape',
    sentence: 'should be [41, 48] by config.json, but the file has [40, 48].',
    arrange: configured({ intermediate_size: 41 }),
  },
  {
    what: 'a config of more layers than the weights have',
    code: 'tensor-missing',
    sentence: 'has no tensor "model.layers.4.input_layernorm.weight" among its 39',
    arrange: configured({ num_hidden_layers: 5 }),
  },
  {
    what: 'an unknown architecture',
    code: 'architecture-unknown',
    sentence: 'config.json names the architecture GPT2LMHeadModel; known are LlamaForCausalLM, ',
    arrange: configured({ architectures: ['GPT2LMHeadModel'] }),
  },
  {
    what: 'a config that names no architecture',
    code: 'architecture-unknown',
    sentence: 'config.json names the architecture none (model_type: "llama")',
    arrange: configured({ architectures: undefined }),
  },
  {
    what: 'a rotary scaling that is not supported',
    code: 'feature-unsupported',
    sentence: 'the rotary scaling "yarn" is not known; known are default, linear and llama3.',
    arrange: configured({ rope_parameters: { rope_type: 'yarn', factor: 4 } }),
  },
  {
    what: 'a Baichuan of the second generation',
    code: 'feature-unsupported',
    sentence: 'config.json is of a Baichuan 2, whose head is normalised; known are Baichuan-7B and 13B',
    arrange: configured({ architectures: ['BaichuanForCausalLM'], z_loss_weight: 0 }),
  },
  {
    what: 'another activation',
    code: 'feature-unsupported',
    sentence: '"hidden_act" is "gelu"; a LLaMA has "silu".',
    arrange: configured({ hidden_act: 'gelu' }),
  },
  {
    what: 'a size that is a text',
    code: 'config-invalid',
    sentence: '"hidden_size" should be a whole number from 1 to 134217728, but is "48".',
    arrange: configured({ hidden_size: '48' }),
  },
  {
    what: 'a size that asks for the moon',
    code: 'config-invalid',
    sentence: '"num_hidden_layers" should be at most 4096, but is 100000.',
    arrange: configured({ num_hidden_layers: 100_000 }),
  },
  {
    what: 'heads that do not share out',
    code: 'config-invalid',
    sentence: 'layer 0 has 8 attention heads, which 3 key-value heads do not divide.',
    arrange: configured({ num_key_value_heads: 3 }),
  },
  {
    what: 'a config that is not JSON',
    code: 'json-invalid',
    sentence: 'config.json is not valid JSON: line 3, column 1: ',
    arrange: spoilt((model) => writeFile(path.join(model, 'config.json'), '{\n  "a": 1,\n}\n')),
  },
  {
    what: 'a config that is not an object',
    code: 'config-invalid',
    sentence: '"(the whole file)" should be an object, but is [1].',
    arrange: spoilt((model) => writeFile(path.join(model, 'config.json'), '[1]')),
  },
  {
    what: 'a config that is far too large',
    code: 'limit-exceeded',
    sentence: 'config.json has 4194305 bytes; at most 4194304 were expected of a file of this kind',
    arrange: spoilt((model) => truncate(path.join(model, 'config.json'), 4 * 2 ** 20 + 1)),
  },
];
