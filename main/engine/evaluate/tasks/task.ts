import { z } from 'zod';
import { metricNames } from './task-scores.ts';
import { compileTemplate, type TemplateValues } from './template.ts';

/** What a column of a row holds: a string, a list of strings, a whole number from 0 (or a truth value). */
const columnKinds = ['text', 'texts', 'index'] as const;
export type ColumnKind = (typeof columnKinds)[number];

const taskSchema = z
  .strictObject({
    id: z.string(),
    /** As the paper's tables call it. */
    name: z.string(),
    /** Of the task in the harness. */
    version: z.number(),
    dataset: z.strictObject({
      /** On the hub. */
      path: z.string(),
      name: z.string().nullable(),
      /** Where it may lie in the data folder; the first that holds the split is taken. */
      folders: z.array(z.string()).min(1),
      split: z.string(),
      fewShotSplit: z.string(),
    }),
    /** Columns that a row must have; "a.b" is b inside a. */
    columns: z.record(z.string(), z.enum(columnKinds)),
    /** Definitions in front of every template. */
    macros: z.string().default(''),
    /** The question, where the choices are what follows it. */
    prompt: z.string().optional(),
    /** Answers to choose from: a template each, or one for each item of a column. */
    choices: z.union([
      z.array(z.string()).min(2),
      z.strictObject({ each: z.string(), as: z.string().includes('item') }),
    ]),
    /** What follows each choice, where the choices are what is asked, as in WinoGrande. */
    continuation: z.string().optional(),
    /** Index of the right choice. */
    target: z.string(),
    targetDelimiter: z.string().default(' '),
    fewShotDelimiter: z.string().default('\n\n'),
    metrics: z.array(z.enum(metricNames)).min(1),
    /** Which metric the paper's tables count. */
    counted: z.enum(metricNames),
  })
  .refine((task) => (task.prompt === undefined) !== (task.continuation === undefined), {
    error: 'a task has either a prompt or a continuation',
  });

export type TaskFile = z.infer<typeof taskSchema>;

/** A row in words. */
export interface RenderedRow {
  /** What is asked and answered, one pair a choice. */
  readonly pairs: readonly { readonly context: string; readonly continuation: string }[];
  readonly choices: readonly string[];
  /** Of the right one; may be beyond the choices where the row is wrong. */
  readonly target: number;
  /** What the harness calls the target: the index, or the text that follows every choice. */
  readonly targetText: string;
}

export interface Task extends TaskFile {
  /** @throws TemplateProblem where the row does not hold what a template asks. */
  render(row: TemplateValues): RenderedRow;
}

/** A task of a data file; how the harness makes its requests of prompt, choices and target. */
export function defineTask(file: unknown): Task {
  const task = taskSchema.parse(file);
  const compile = (source: string): ((values: TemplateValues) => string) =>
    compileTemplate(task.macros + source);
  const { targetDelimiter: delimiter } = task;
  const prompt = compile(task.prompt ?? '');
  const following = task.continuation === undefined ? undefined : compile(task.continuation);
  const choicesOf = choiceReader(task.choices, compile);
  const target = compile(task.target);
  return {
    ...task,
    render: (row) => {
      const choices = choicesOf(row);
      const right = Number(target(row));
      if (following === undefined) {
        const context = prompt(row);
        const pairs = choices.map((choice) => ({ context, continuation: delimiter + choice }));
        return { pairs, choices, target: right, targetText: String(right) };
      }
      const text = following(row);
      const pairs = choices.map((context) => ({ context, continuation: delimiter + text }));
      return { pairs, choices, target: right, targetText: text };
    },
  };
}

function choiceReader(
  choices: TaskFile['choices'],
  compile: (source: string) => (values: TemplateValues) => string,
): (row: TemplateValues) => string[] {
  if (Array.isArray(choices)) {
    const templates = choices.map(compile);
    return (row) => templates.map((template) => template(row));
  }
  const template = compile(choices.as);
  return (row) => (columnOf(row, choices.each) as string[]).map((item) => template({ ...row, item }));
}

/** "a.b" is b inside a; undefined where there is none. */
export function columnOf(row: TemplateValues, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (value, key) =>
        typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined,
      row,
    );
}
