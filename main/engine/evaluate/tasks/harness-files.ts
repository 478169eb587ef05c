import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { makeFolder, writeFileAtomic } from '../../checkpoint/atomic-file.ts';
import type { ChoiceLikelihoods } from './log-likelihoods.ts';
import type { PreparedTask } from './prepared-task.ts';
import { answered } from './scoring.ts';
import type { TaskScores } from './task-scores.ts';

/** The harness whose prompts, scoring and file formats these are. */
export const harnessVersion = '0.4.13';

/** A task that a model has answered. */
export interface AnsweredTask extends ChoiceLikelihoods {
  readonly prepared: PreparedTask;
}

export interface HarnessRun {
  readonly modelFolder: string;
  readonly maxPositions: number;
  readonly scores: TaskScores;
  readonly tasks: readonly AnsweredTask[];
  /** When the evaluation was first started. */
  readonly startedAt: Date;
  /** Whether it stood still between its start and its end, for nobody knows how long. */
  readonly wasResumed: boolean;
  readonly endedAt: Date;
}

/** Writes results_<date>.json and samples_<task>_<date>.jsonl as lm-evaluation-harness does. */
export async function writeHarnessFiles(folder: string, run: HarnessRun): Promise<void> {
  await makeFolder(folder);
  const date = run.endedAt.toISOString().replace('Z', '').replaceAll(':', '-');
  const hashes: Record<string, string> = {};
  for (const task of run.tasks) {
    const samples = samplesOf(task);
    const { id } = task.prepared.task;
    hashes[id] = sha256(
      samples.map(({ doc_hash, prompt_hash, target_hash }) => doc_hash + prompt_hash + target_hash).join(''),
    );
    const lines = samples.map((sample) => `${JSON.stringify(sample)}\n`).join('');
    await writeFileAtomic(join(folder, `samples_${id}_${date}.jsonl`), lines);
  }
  const results = `${JSON.stringify(resultsOf(run, hashes), null, 2)}\n`;
  await writeFileAtomic(join(folder, `results_${date}.json`), results);
}

function samplesOf({ prepared, logLikelihoods, isGreedy }: AnsweredTask) {
  const { task, questions } = prepared;
  return questions.map((question, i) => {
    const { row, pairs, targetText } = question;
    const right = answered(question, logLikelihoods[i]);
    const responses = logLikelihoods[i].map((value, choice) => [
      String(value),
      isGreedy[i][choice] ? 'True' : 'False',
    ]);
    return {
      doc_id: i,
      doc: row.values,
      target: targetText,
      arguments: Object.fromEntries(
        pairs.map(({ context, continuation }, choice) => [
          `gen_args_${choice}`,
          { arg_0: context, arg_1: continuation },
        ]),
      ),
      resps: responses.map((response) => [response]),
      filtered_resps: responses,
      filter: 'none',
      metrics: task.metrics,
      doc_hash: sha256(JSON.stringify(row.values, null, 2)),
      prompt_hash: sha256(pairs[0].context),
      target_hash: sha256(targetText),
      acc: right.acc,
      ...(task.metrics.includes('acc_norm') && { acc_norm: right.accNorm }),
    };
  });
}

function resultsOf(run: HarnessRun, taskHashes: Readonly<Record<string, string>>) {
  const { scores, tasks, modelFolder, startedAt, wasResumed, endedAt } = run;
  const byTask = <T>(value: (task: AnsweredTask) => T): Record<string, T> =>
    Object.fromEntries(tasks.map((task) => [task.prepared.task.id, value(task)]));
  return {
    results: byTask(({ prepared }) => resultOf(prepared, scores)),
    group_subtasks: byTask(() => []),
    configs: byTask(({ prepared }) => configOf(prepared, scores.fewShot)),
    versions: byTask(({ prepared }) => prepared.task.version),
    'n-shot': byTask(() => scores.fewShot),
    higher_is_better: byTask(({ prepared }) =>
      Object.fromEntries(prepared.task.metrics.map((metric) => [metric, true])),
    ),
    'n-samples': byTask(({ prepared }) => ({
      original: prepared.available,
      effective: prepared.questions.length,
    })),
    config: {
      model: 'llm-pruner-studio',
      model_args: `pretrained=${modelFolder},add_bos_token=${scores.bos ? 'None' : 'False'}`,
      limit: scores.limit,
      bootstrap_iters: 0,
      fewshot_seed: 1234,
    },
    git_hash: null,
    date: startedAt.getTime() / 1000,
    pretty_env_info: 'LLM-Pruner Studio',
    transformers_version: null,
    lm_eval_version: harnessVersion,
    upper_git_hash: null,
    max_length: run.maxPositions,
    task_hashes: taskHashes,
    model_source: 'llm-pruner-studio',
    model_name: modelFolder,
    model_name_sanitized: modelFolder.replaceAll(/["<>:/|\\?*[\]]+/g, '__'),
    system_instruction: null,
    system_instruction_sha: null,
    fewshot_as_multiturn: false,
    chat_template: null,
    chat_template_sha: null,
    start_time: startedAt.getTime() / 1000,
    end_time: endedAt.getTime() / 1000,
    total_evaluation_time_seconds: wasResumed
      ? null
      : String((endedAt.getTime() - startedAt.getTime()) / 1000),
  };
}

function resultOf({ task }: PreparedTask, { results }: TaskScores) {
  const { acc, accStderr, accNorm, accNormStderr, samples } = results[task.id];
  return {
    alias: task.id,
    sample_len: samples,
    'acc,none': acc,
    'acc_stderr,none': accStderr ?? 'N/A',
    ...(accNorm !== null && { 'acc_norm,none': accNorm, 'acc_norm_stderr,none': accNormStderr ?? 'N/A' }),
  };
}

function configOf({ task }: PreparedTask, fewShot: number) {
  const { path, name, split, fewShotSplit } = task.dataset;
  return {
    task: task.id,
    dataset_path: path,
    ...(name !== null && { dataset_name: name }),
    training_split: fewShotSplit,
    [split === 'test' ? 'test_split' : 'validation_split']: split,
    target_delimiter: task.targetDelimiter,
    fewshot_delimiter: task.fewShotDelimiter,
    num_fewshot: fewShot,
    metric_list: task.metrics.map((metric) => ({ metric, aggregation: 'mean', higher_is_better: true })),
    output_type: 'multiple_choice',
    repeats: 1,
    metadata: { version: task.version },
  };
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
