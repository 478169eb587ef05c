import { invalidRow } from '../../dataset/records.ts';
import { EngineError } from '../../errors.ts';
import { PythonRandom } from './python-random.ts';
import type { RenderedRow, Task } from './task.ts';
import type { TaskRow } from './task-data.ts';
import { TemplateProblem, type TemplateValues } from './template.ts';

/** A question as it is put to a model: what it reads, and what it may say, one pair a choice. */
export interface Question extends RenderedRow {
  readonly row: TaskRow;
}

/** The harness draws its examples with this seed unless told otherwise. */
const exampleSeed = 1234;

/**
 * The questions of a task, with `fewShot` worked examples in front of each, drawn as the harness draws them.
 * @throws EngineError row-invalid naming file and row; text-too-short where there are too few examples.
 */
export function questionsOf(
  task: Task,
  rows: readonly TaskRow[],
  exampleRows: readonly TaskRow[],
  fewShot: number,
): Question[] {
  const examples = fewShot === 0 ? () => '' : exampleSampler(task, exampleRows, fewShot);
  return rows.map((row) => {
    const rendered = renderedRow(task, row);
    const shown = examples(row.values);
    const pairs = rendered.pairs.map(({ context, continuation }) => ({
      context: shown + context,
      continuation,
    }));
    const empty = pairs.find(({ context }) => context === '');
    if (empty) throw invalidRow(row.path, row.place, 'a question that is not empty', '');
    return { ...rendered, pairs, row };
  });
}

function renderedRow(task: Task, row: TaskRow): RenderedRow {
  const { path, place } = row;
  try {
    const rendered = task.render(row.values);
    const { target, choices } = rendered;
    if (Number.isInteger(target) && target >= 0 && target < choices.length) return rendered;
    throw invalidRow(path, place, `the index of one of ${choices.length} choices`, rendered.targetText);
  } catch (error) {
    if (!(error instanceof TemplateProblem)) throw error;
    throw new EngineError(
      'row-invalid',
      `${path}, ${place}: expected ${error.message}`,
      { path, place },
      'Correct the row, or leave it out.',
    );
  }
}

/**
 * Examples in front of a question. The harness draws one more than it shows where examples could come from the
 * questions' own split, and, for tasks that are asked on the validation split, by mistake as well: both of its split
 * names are then none. What is drawn and equals the question is left out.
 */
function exampleSampler(
  task: Task,
  rows: readonly TaskRow[],
  fewShot: number,
): (question: TemplateValues) => string {
  const random = new PythonRandom(exampleSeed);
  const drawn = task.dataset.split === 'test' ? fewShot : fewShot + 1;
  if (rows.length < drawn) {
    throw new EngineError(
      'text-too-short',
      `${task.name}: ${fewShot} examples need ${drawn} rows to draw from, but the split "${task.dataset.fewShotSplit}" has ${rows.length}.`,
      { task: task.id, needed: drawn, found: rows.length },
      'Ask for fewer examples, or give more rows.',
    );
  }
  const texts = new Map<number, string>();
  const textOf = (i: number): string => {
    const known = texts.get(i) ?? exampleText(task, renderedRow(task, rows[i]));
    texts.set(i, known);
    return known;
  };
  const keys = rows.map(({ values }) => JSON.stringify(values));
  return (question) => {
    const key = JSON.stringify(question);
    return random
      .sample(rows.length, drawn)
      .filter((i) => keys[i] !== key)
      .slice(0, fewShot)
      .map(textOf)
      .join('');
  };
}

/** A pair that is right, and what separates it from the next; a text that is empty is not even separated. */
function exampleText(
  { targetDelimiter, fewShotDelimiter }: Task,
  { pairs, target, targetText }: RenderedRow,
): string {
  const { context, continuation } = pairs[target];
  const isEmpty = targetText === '' && continuation === targetDelimiter;
  return isEmpty ? context : context + continuation + fewShotDelimiter;
}
