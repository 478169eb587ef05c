import { lengthOf } from './python-text.ts';
import type { RenderedRow, Task } from './task.ts';
import type { TaskScore, TaskScores } from './task-scores.ts';
import { countedValue } from './task-scores.ts';

/** Whether a question was answered right, by each metric. */
export interface Answered {
  readonly acc: 0 | 1;
  readonly accNorm: 0 | 1;
}

/** The likeliest choice, and the likeliest a character, compared with the right one; the first of equals is taken. */
export function answered(
  { choices, target }: Pick<RenderedRow, 'choices' | 'target'>,
  logLikelihoods: readonly number[],
): Answered {
  const normalised = logLikelihoods.map((value, i) => value / lengthOf(choices[i]));
  return {
    acc: indexOfLargest(logLikelihoods) === target ? 1 : 0,
    accNorm: indexOfLargest(normalised) === target ? 1 : 0,
  };
}

export function scoreOf(
  { metrics, counted, version }: Task,
  answers: readonly Answered[],
  facts: Pick<TaskScore, 'available' | 'dataSha256'>,
): TaskScore {
  const plain = answers.map(({ acc }) => acc);
  const normalised = answers.map(({ accNorm }) => accNorm);
  const hasNormalised = metrics.includes('acc_norm');
  return {
    acc: mean(plain),
    accStderr: standardError(plain),
    accNorm: hasNormalised ? mean(normalised) : null,
    accNormStderr: hasNormalised ? standardError(normalised) : null,
    counted,
    samples: answers.length,
    version,
    ...facts,
  };
}

/** Plain mean over the tasks of what each counts, as in the paper's tables. */
export const averageOf = (results: TaskScores['results']): number =>
  mean(Object.values(results).map(countedValue));

const mean = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0) / values.length;

/** Of the mean: the sample's standard deviation over √n. */
function standardError(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const middle = mean(values);
  const squares = values.reduce((total, value) => total + (value - middle) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1)) / Math.sqrt(values.length);
}

const indexOfLargest = (values: readonly number[]): number =>
  values.reduce((best, value, i) => (value > values[best] ? i : best), 0);
