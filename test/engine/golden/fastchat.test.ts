import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadTemplate } from '../../../main/engine/dataset/prompt-template.ts';
import { readDataFile } from '../../../main/engine/dataset/records.ts';
import { trainingExamples } from '../../../main/engine/dataset/training-examples.ts';
import type { TrainingExample } from '../../../main/engine/dataset/training-example.ts';
import { loadTokenizer } from '../../../main/engine/tokenizer/tokenizer.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';

interface GoldenCase {
  /** Folder of the tokenizer. */
  readonly tokenizer: string;
  readonly length: number;
  readonly conversations: readonly { readonly from: string; readonly value: string }[];
  readonly ids: readonly number[];
  readonly labels: readonly number[];
}

const folder = 'test/golden/fastchat';
const golden = JSON.parse(readFileSync(path.join(folder, 'conversations.json'), 'utf8')) as {
  readonly vocabSize: number;
  readonly eosId: number;
  readonly cases: readonly GoldenCase[];
};

async function exampleOf({ tokenizer, length, conversations }: GoldenCase): Promise<TrainingExample> {
  const file = path.join(temporaryFolder(), 'rows.json');
  await writeFile(file, JSON.stringify([{ conversations }]));
  const { examples } = await trainingExamples(await readDataFile(file), {
    template: await loadTemplate('vicuna'),
    cutoff: length,
    trainOnInputs: false,
    maxRows: null,
    vocabSize: golden.vocabSize,
    eosId: golden.eosId,
    tokenizer: () => loadTokenizer(path.join(folder, tokenizer)),
    breathe: async () => undefined,
  });
  expect(examples).toHaveLength(1);
  return examples[0];
}

const isLearnt = (labels: readonly number[]): number[] => labels.map((label) => (label === -100 ? 0 : 1));
const nameOf = ({ tokenizer, conversations, length }: GoldenCase): string =>
  `${tokenizer}, ${JSON.stringify(conversations[0].value)}, ${conversations.length} turns, at most ${length} tokens`;

const learning = golden.cases.filter(({ labels }) => labels.some((label) => label !== -100));
const ignored = golden.cases.filter((one) => one.length > 200 && !learning.includes(one));

describe('a conversation under Vicuna’s template', () => {
  it('is compared with a good number of FastChat’s', () => {
    expect(learning.length).toBeGreaterThanOrEqual(18);
  });

  it.each(learning.map((one) => [nameOf(one), one] as const))(
    'has FastChat’s tokens, and learns the same: %s',
    async (_name, one) => {
      const { ids, learnt } = await exampleOf(one);
      expect([...ids]).toEqual(one.ids);
      expect([...learnt]).toEqual(isLearnt(one.labels));
    },
  );

  it('learns two kinds that FastChat passes over: the words of the template within, a question left open', async () => {
    expect(ignored).toHaveLength(2 * 2);
    for (const one of ignored) {
      const { ids, learnt } = await exampleOf(one);
      const isOpen = one.conversations.length % 2 === 1;
      const answered = isOpen ? one.ids.indexOf(golden.eosId) + 1 : one.ids.length;
      expect([...ids]).toEqual(one.ids.slice(0, answered));
      expect(learnt.at(-1)).toBe(1);
    }
  });
});
