/**
 * What holding a model's layers in 8 bits costs in perplexity, without training: as stored and in 8 bits, on the first
 * chunks of 128 tokens of a text. node scripts/run-ts.mjs scripts/bench/int8-base.ts MODEL TEXT [CHUNKS]
 */
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { evaluationTokens } from '../../main/engine/dataset/token-rows.ts';
import { measureNetwork, tokenSource } from '../../main/engine/measure-model.ts';
import { baseTypes, openBase } from '../../main/engine/runtime/frozen-base.ts';
import { planMemory } from '../../main/engine/runtime/memory-plan.ts';
import { openModel } from '../../main/engine/runtime/model.ts';
import { Network } from '../../main/engine/runtime/network.ts';
import { paceOf } from '../../main/engine/runtime/pace.ts';

const seqLen = 128;

const [modelFolder, text, chunks = '64'] = process.argv.slice(2);
const model = await openModel(resolve(modelFolder));
const tokens = await evaluationTokens(await tokenSource(resolve(text), model), null);
const memory = planMemory(model.config, model.checkpoint.totalBytes, 4 * 2 ** 30);
const pace = paceOf(new AbortController().signal, () => undefined);
for (const base of baseTypes) {
  const network = new Network(model, openBase(base, model, memory, 'cpu'), { threads: 2 });
  const startedAtMs = performance.now();
  const scratchPath = join(tmpdir(), `int8-base-${process.pid}.bin`);
  const part = tokens.subarray(0, Number(chunks) * seqLen);
  const { perplexity } = await measureNetwork(network, part, seqLen, { memory, scratchPath, pace });
  await network.release();
  const seconds = (performance.now() - startedAtMs) / 1000;
  process.stdout.write(`${base}: perplexity ${perplexity.toFixed(4)}, ${seconds.toFixed(1)} s\n`);
}
await model.checkpoint.close();
