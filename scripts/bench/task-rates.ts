/**
 * What sharing beginnings saves in zero-shot tasks: tokens, and seconds, with the choices of a question as one tree and
 * with a row each. `node scripts/run-ts.mjs scripts/bench/task-rates.ts MODEL TASK_DATA [TASK ...]`
 */
import { availableParallelism, totalmem, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { taskIds, taskNamed } from '../../main/engine/evaluate/tasks/index.ts';
import { logLikelihoods } from '../../main/engine/evaluate/tasks/log-likelihoods.ts';
import { PreparedTask } from '../../main/engine/evaluate/tasks/prepared-task.ts';
import type { QuestionTree } from '../../main/engine/evaluate/tasks/requests.ts';
import { findTaskData } from '../../main/engine/evaluate/tasks/task-data.ts';
import { withNetwork } from '../../main/engine/measure-model.ts';
import { cpu } from '../../main/engine/runtime/device.ts';
import { planMemory } from '../../main/engine/runtime/memory-plan.ts';
import { openModel } from '../../main/engine/runtime/model.ts';
import { paceOf } from '../../main/engine/runtime/pace.ts';
import { loadTokenizer } from '../../main/engine/tokenizer/tokenizer.ts';
import { printTable } from './print-table.ts';

const [modelFolder, data, ...named] = process.argv.slice(2);
const model = await openModel(resolve(modelFolder));
const tokenizer = await loadTokenizer(model.folder);
const memory = planMemory(model.config, model.checkpoint.totalBytes, totalmem() / 2);
const pace = paceOf(new AbortController().signal, () => undefined);
const scratchPath = join(tmpdir(), `task-rates-${process.pid}.bin`);
const tasks = (named.length > 0 ? named : taskIds).map(taskNamed);
const files = await findTaskData(tasks, resolve(data), 0);

const rows = [['task', 'questions', 'tokens shared', 'tokens apart', 's shared', 's apart', 'times faster']];
await withNetwork(model, { threads: availableParallelism(), memory, device: cpu }, async (network) => {
  const seconds = async (trees: readonly QuestionTree[]): Promise<number> => {
    const startedAt = performance.now();
    await logLikelihoods(network, trees, { memory, scratchPath, pace });
    return (performance.now() - startedAt) / 1000;
  };
  for (const [i, task] of tasks.entries()) {
    const prepared = await PreparedTask.read(task, files[i], { fewShot: 0, limit: null });
    const trees = await prepared.trees(tokenizer, model.config.maxPositions, false, pace);
    const apart = trees.flatMap(choicesApart);
    // The first pass compiles and warms; the better of two each, in turn.
    await seconds(trees.slice(0, 2));
    const times = { shared: Infinity, apart: Infinity };
    for (let round = 0; round < 2; round++) {
      times.shared = Math.min(times.shared, await seconds(trees));
      times.apart = Math.min(times.apart, await seconds(apart));
    }
    const tokens = [trees, apart].map((all) => all.reduce((total, { ids }) => total + ids.length, 0));
    rows.push([
      task.name,
      String(prepared.questions.length),
      ...tokens.map(String),
      times.shared.toFixed(2),
      times.apart.toFixed(2),
      (times.apart / times.shared).toFixed(2),
    ]);
  }
});
await model.checkpoint.close();
printTable(rows);

/** Each choice of a question as a tree of its own: a plain row. */
function choicesApart({ ids, parents, readings }: QuestionTree): QuestionTree[] {
  return readings.map((choice) => {
    const path: number[] = [];
    for (let node = choice[choice.length - 1].node; node >= 0; node = parents[node]) path.unshift(node);
    return {
      ids: Int32Array.from(path, (node) => ids[node]),
      parents: Int32Array.from(path, (_, i) => i - 1),
      positions: Int32Array.from(path, (_, i) => i),
      readings: [choice.map(({ node, token }) => ({ node: path.indexOf(node), token }))],
    };
  });
}
