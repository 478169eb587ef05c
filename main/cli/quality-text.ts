import type { MeasuredPerplexity } from '../engine/evaluate/perplexity.ts';
import { taskName } from '../engine/evaluate/tasks/index.ts';
import { countedValue, type TaskScore, type TaskScores } from '../engine/evaluate/tasks/task-scores.ts';
import type { MeasuredQuality } from '../engine/evaluation.ts';
import { grouped } from './quantities.ts';
import { formatTable } from './table.ts';

/** How a perplexity was measured, in a line: no number is to be compared with one of another protocol. */
export function protocolLine(measured: MeasuredPerplexity): string {
  const { text, rows, joined, bos, seqLen, chunks, tokens } = measured;
  const how = {
    'two-newlines': `${grouped(rows ?? 0)} rows joined by two newlines`,
    'running-text': 'one running text',
    'token-ids': `${grouped(rows ?? 0)} rows of token ids`,
  }[joined];
  const start = joined === 'token-ids' ? '' : bos ? ', BOS at the very start alone' : ', no BOS';
  return `${text}: ${how}${start}; ${grouped(chunks)} chunks of ${seqLen} tokens, ${grouped(tokens)} in all`;
}

/** Perplexity and tasks of one model. */
export function qualityText({ perplexities, tasks }: MeasuredQuality): string {
  const lines = perplexities.map(
    (measured) => `Perplexity ${measured.perplexity.toPrecision(6)}  ${protocolLine(measured)}`,
  );
  if (tasks === null) return lines.join('\n');
  return [...lines, ...(lines.length > 0 ? [''] : []), taskTable(tasks), '', taskProtocol(tasks)].join('\n');
}

/** Every metric of every task; the counted one has a mark. */
function taskTable(tasks: TaskScores): string {
  const rows = Object.entries(tasks.results).flatMap(([id, score]) => metricRows(taskName(id), score));
  const average = ['Average of *', '', points(tasks.average), '', ''];
  return formatTable([['Task', 'metric', 'value', 'stderr', 'questions'], ...rows, average]);
}

function metricRows(name: string, score: TaskScore): string[][] {
  const { acc, accStderr, accNorm, accNormStderr, counted, samples } = score;
  const row = (metric: typeof counted, value: number, stderr: number | null): string[] => [
    name,
    `${metric}${metric === counted ? ' *' : '  '}`,
    points(value),
    stderr === null ? '–' : `± ${points(stderr)}`,
    grouped(samples),
  ];
  const first = row('acc', acc, accStderr);
  return accNorm === null ? [first] : [first, row('acc_norm', accNorm, accNormStderr)];
}

/** What is counted of each task, of several models side by side; undefined where none was asked. */
export function taskComparison(
  models: readonly (readonly [name: string, tasks: TaskScores | null])[],
): string | undefined {
  const asked = models.flatMap(([name, tasks]) => (tasks ? [[name, tasks] as const] : []));
  if (asked.length === 0) return undefined;
  const [[, first]] = asked;
  const rows = Object.keys(first.results).map((id) => [
    `${taskName(id)} (${first.results[id].counted})`,
    ...asked.map(([, { results }]) => points(countedValue(results[id]))),
  ]);
  const averages = ['Average', ...asked.map(([, { average }]) => points(average))];
  return [formatTable([['', ...asked.map(([name]) => name)], ...rows, averages]), taskProtocol(first)].join(
    '\n',
  );
}

function taskProtocol({ protocol, fewShot, bos, limit, results, isPapersAverage }: TaskScores): string {
  const questions = limit === null ? 'all questions' : `the first ${grouped(limit)} questions of each task`;
  const count = Object.keys(results).length;
  const average = isPapersAverage
    ? "average: mean of the paper's seven tasks"
    : `average: mean of ${count === 1 ? 'one task' : `${count} tasks`}, not the paper's`;
  return `${protocol}, ${fewShot}-shot, ${bos ? 'BOS in front' : 'no BOS'}, ${questions}; ${average}.`;
}

/** A fraction in percent, with two digits, as the paper's tables have it. */
const points = (fraction: number): string => (100 * fraction).toFixed(2);
