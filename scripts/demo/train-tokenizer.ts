/**
 * Learns the demo model's tokenizer from the training text that build-text.ts wrote.
 *
 *   node scripts/run-ts.mjs scripts/demo/train-tokenizer.ts --text FILE [--vocab-size 2048] [--out resources/demo/model]
 */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { tokenizerConfigJson, tokenizerJson, trainBytePairs } from './bpe-trainer.ts';

const { values } = parseArgs({
  options: {
    text: { type: 'string' },
    'vocab-size': { type: 'string', default: '2048' },
    out: { type: 'string', default: 'resources/demo/model' },
  },
});
if (values.text === undefined) throw new Error('Expected --text FILE, the training text.');

const startedMs = performance.now();
const model = trainBytePairs(await readFile(values.text, 'utf8'), Number(values['vocab-size']));
await mkdir(values.out, { recursive: true });
await writeFile(
  path.join(values.out, 'tokenizer.json'),
  `${JSON.stringify(tokenizerJson(model), null, 1)}\n`,
);
await writeFile(
  path.join(values.out, 'tokenizer_config.json'),
  `${JSON.stringify(tokenizerConfigJson(), null, 2)}\n`,
);
const elapsedSeconds = ((performance.now() - startedMs) / 1000).toFixed(1);
console.log(
  `${model.tokens.length} tokens, ${model.merges.length} merges, ${elapsedSeconds} s, in ${values.out}`,
);
