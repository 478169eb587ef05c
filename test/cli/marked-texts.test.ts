import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDocuments } from '../../main/engine/dataset/documents.ts';
import type { RunReport } from '../../main/engine/run.ts';
import { loadTokenizer } from '../../main/engine/tokenizer/tokenizer.ts';
import { command, documentOf } from '../fixtures/command-line.ts';
import { settingsOf } from '../fixtures/killed-run.ts';
import { writeRandomModel } from '../fixtures/random-model.ts';

const architectures = ['ChatGLMModel'];
const tokenizers = path.resolve('test/engine/tokenizer/golden');

/** Small models in the published keys, each with a tokenizer of its kind. */
const models = {
  'ChatGLM-6B': {
    tokenizer: 'sentencepiece-chatglm',
    marks: [5, 8],
    marksText: '[gMASK] <sop>',
    config: {
      architectures,
      model_type: 'chatglm',
      vocab_size: 800,
      num_layers: 3,
      hidden_size: 32,
      inner_hidden_size: 48,
      num_attention_heads: 4,
      max_sequence_length: 128,
      position_encoding_2d: true,
      mask_token_id: 4,
      gmask_token_id: 5,
      bos_token_id: 8,
      eos_token_id: 9,
      pad_token_id: 3,
    },
  },
  ChatGLM2: {
    tokenizer: 'sentencepiece-chatglm2',
    marks: [701, 703],
    marksText: '[gMASK] sop',
    config: {
      architectures,
      model_type: 'chatglm',
      padded_vocab_size: 712,
      num_layers: 3,
      hidden_size: 32,
      ffn_hidden_size: 48,
      kv_channels: 8,
      num_attention_heads: 4,
      multi_query_attention: true,
      multi_query_group_num: 2,
      add_qkv_bias: true,
      rmsnorm: true,
      original_rope: true,
      seq_length: 128,
      eos_token_id: 2,
      tie_word_embeddings: false,
    },
  },
};

const turns = ['The rivers of the country are long.', 'Which one is the longest?', 'I do not know.'];

describe.each(Object.entries(models))('%s', (name, { tokenizer, marks, marksText, config }) => {
  let folder: string;
  let model: string;
  let dialogues: string;
  let text: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'marked-texts-'));
    [model, dialogues, text] = ['model', 'dialogues.jsonl', 'text.txt'].map((file) =>
      path.join(folder, file),
    );
    await writeRandomModel(model, config);
    await cp(path.join(tokenizers, tokenizer), model, { recursive: true });
    const rows = Array.from({ length: 16 }, (_, i) => ({ dialog: [`${i} ${turns[0]}`, ...turns.slice(1)] }));
    await writeFile(dialogues, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    await writeFile(text, `${turns.join('\n')}\n`.repeat(8));
  });

  afterAll(() => rm(folder, { recursive: true }));

  it('is pruned on dialogues, recovered on them and measured on a text behind its marks', async () => {
    const out = path.join(folder, 'run');
    const settings = settingsOf({
      model,
      'prune.criterion': 'taylor-vector',
      'prune.ratio': 0.5,
      'calibration.source': dialogues,
      'calibration.samples': 4,
      'calibration.seqLen': 24,
      'evaluate.text': text,
      'evaluate.seqLen': 16,
      'recover.data': dialogues,
      'recover.template': 'plain',
      'recover.cutoff': 80,
      'recover.steps': 2,
      'recover.batchSize': 4,
      'recover.validation.rows': 4,
    });
    const report = documentOf(await command('run', ...settings, '--out', out, '--json')) as RunReport;
    expect(report.after.parameters).toBeLessThan(report.before.parameters);
    const [measured] = report.after.perplexities;
    expect(measured).toMatchObject({ joined: 'running-text', bos: false, marks: marksText, seqLen: 16 });
    expect(report.recovery?.recovered.perplexity).toBeGreaterThan(1);

    const kept = await readFile(path.join(out, 'calibration.jsonl'), 'utf8');
    const rows = kept
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { input_ids: number[]; labels: number[] });
    const own = await loadTokenizer(model);
    expect(rows).toHaveLength(4);
    for (const { input_ids: ids, labels } of rows) {
      const begin = labels.findIndex((label) => label !== -100);
      expect(own.decode(ids.slice(begin))).toBe(turns[2] + own.decode([config.eos_token_id]));
      expect(labels.slice(begin)).toEqual(ids.slice(begin));
      const at = name === 'ChatGLM-6B' ? begin - 2 : 0;
      expect(ids.slice(at, at + 2)).toEqual(marks);
      expect(ids.length).toBeLessThanOrEqual(24 + marks.length);
    }
    const again = await readDocuments(path.join(out, 'calibration.jsonl'));
    expect(again).toMatchObject({ kind: 'ids', rows: rows.map(({ input_ids }) => input_ids) });
  });

  it('says what its perplexity was measured behind', async () => {
    const args = ['eval', model, '--text', text, '--seq-len', '16'];
    const { code, stdout, stderr } = await command(...args);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain(`text.txt: one running text, ${marksText} in front of each chunk; `);
  });

  it('answers a message, and continues a text', async () => {
    const prompt = ['--prompt', 'Which one is the longest?', '--max-new-tokens', '4'];
    for (const how of [['--chat'], []]) {
      const { code, stderr } = await command('generate', model, ...prompt, ...how);
      expect(code, stderr).toBe(0);
      expect(stderr).toMatch(/; text: [1-4] tokens? /);
    }
  });
});
