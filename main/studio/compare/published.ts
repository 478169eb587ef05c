import { z } from 'zod';
import type { MeasureKind, MeasureUnit } from '../../../preload/forms/measures.ts';
import table from '../../../resources/published/llm-pruner.json' with { type: 'json' };
import { plainMeasure, type Measure } from './measure.ts';
import type { ComparedRun, Pruning, Subject } from './subject.ts';

const window = z.tuple([z.int(), z.int()]);
const resultSchema = z.strictObject({
  /** By text and tokens a chunk. */
  perplexity: z.record(z.string(), z.number()).default({}),
  /** In percent. */
  tasks: z.record(z.string(), z.number()).default({}),
  average: z.number().optional(),
});
const costsSchema = z.strictObject({
  parameters: z.number().optional(),
  macs: z.number().optional(),
  memoryMiB: z.number().optional(),
});
const tableSchema = z.strictObject({
  about: z.string(),
  taskProtocol: z.string(),
  models: z.array(
    z.strictObject({
      name: z.string(),
      family: z.string(),
      /** null: not printed. */
      parameters: z.int().nullable(),
      /** A pattern of the names of the model's folders: Vicuna has as many parameters as the LLaMA it was made from. */
      named: z.string(),
      dense: resultSchema.extend({ source: z.string(), costs: costsSchema.optional() }),
      recipes: z.array(
        z.strictObject({
          /** Left out: block. */
          mode: z.enum(['block', 'channel']).default('block'),
          ratio: z.number(),
          attention: window.optional(),
          mlp: window.optional(),
          source: z.string(),
          costs: costsSchema.optional(),
          rows: z.array(resultSchema.extend({ criterion: z.string(), tuned: z.boolean() })),
        }),
      ),
    }),
  ),
});

type PublishedModel = z.infer<typeof tableSchema>['models'][number];
type PublishedRecipe = PublishedModel['recipes'][number];
type Result = z.infer<typeof resultSchema>;

const published = tableSchema.parse(table);

/**
 * Printed results beside runs of the same model and recipe, each once: of the unpruned model, of the pruned one, and,
 * where the run recovers, of the recovered one. Of their numbers those alone that the runs measured by the same
 * protocol.
 */
export function publishedBeside(runs: readonly ComparedRun[]): Subject[] {
  const beside = new Map<string, Subject>();
  for (const run of runs) {
    for (const subject of besideRun(run)) {
      const known = beside.get(subject.key);
      const measures = [...(known?.measures ?? []), ...subject.measures];
      const unique = [...new Map(measures.map((measure) => [measure.id, measure])).values()];
      beside.set(subject.key, { ...subject, measures: unique });
    }
  }
  return [...beside.values()];
}

function besideRun({ pruning, subjects }: ComparedRun): Subject[] {
  if (pruning === null) return [];
  const measured = subjects.flatMap(({ measures }) => measures);
  const wantsTuned = subjects.some(({ role }) => role === 'recovered');
  return published.models
    .filter((model) => isSameModel(model, pruning))
    .flatMap((model) => {
      const recipe = model.recipes.find((printed) => isSameRecipe(printed, pruning));
      if (recipe === undefined) return [];
      const rows = recipe.rows.filter(
        ({ criterion, tuned }) => criterion === pruning.criterion && (!tuned || wantsTuned),
      );
      if (rows.length === 0) return [];
      const { name, dense } = model;
      return [
        subjectOf(name, dense.source, [...costsOf(dense.costs), ...resultsOf(dense, measured)]),
        ...rows.map((row) => {
          const title = `${name}, ${row.criterion} ${recipe.ratio}${row.tuned ? ', tuned' : ''}`;
          return subjectOf(title, recipe.source, [...costsOf(recipe.costs), ...resultsOf(row, measured)]);
        }),
      ];
    });
}

function isSameModel({ family, parameters, named }: PublishedModel, pruning: Pruning): boolean {
  return (
    family === pruning.family &&
    (parameters === null || parameters === pruning.parameters) &&
    new RegExp(named, 'i').test(pruning.folder.split(/[/\\]/).pop() ?? '')
  );
}

function isSameRecipe({ mode, ratio, attention, mlp }: PublishedRecipe, pruning: Pruning): boolean {
  const isSame = (printed: readonly number[] | undefined, asked: readonly number[]): boolean =>
    printed === undefined || printed.join() === asked.join();
  const isSameCut = mode === pruning.mode && ratio === pruning.ratio && pruning.steps === 1;
  return isSameCut && isSame(attention, pruning.attention) && isSame(mlp, pruning.mlp);
}

const subjectOf = (name: string, source: string, measures: readonly Measure[]): Subject => ({
  key: `published ${name}`,
  name,
  role: 'published',
  source: measures.some(({ kind }) => kind === 'task')
    ? `${source}; tasks: ${published.taskProtocol}`
    : source,
  runId: null,
  folder: null,
  layers: null,
  measures,
});

function costsOf({ parameters, macs, memoryMiB }: z.infer<typeof costsSchema> = {}): Measure[] {
  return [
    ...(parameters === undefined ? [] : [printedCost('parameters', 'count', parameters, 1e7)]),
    ...(macs === undefined ? [] : [printedCost('macs', 'macs', macs, 1e7)]),
    ...(memoryMiB === undefined ? [] : [printedCost('memory', 'bytes', memoryMiB * 2 ** 20, 0.1 * 2 ** 20)]),
  ];
}

/** @param lastDigit What one more in the last printed digit is: within it, a number is the same. */
function printedCost(kind: MeasureKind, unit: MeasureUnit, value: number, lastDigit: number): Measure {
  return { ...plainMeasure(kind, unit, value), ratioError: lastDigit / 2 / value };
}

/** The printed numbers in the rows of those that were measured by the same protocol. */
function resultsOf({ perplexity, tasks, average }: Result, measured: readonly Measure[]): Measure[] {
  const printed: Readonly<Record<string, number | undefined>> = {
    ...perplexity,
    ...Object.fromEntries(Object.entries(tasks).map(([task, percent]) => [task, percent / 100])),
    average: average === undefined ? undefined : average / 100,
  };
  return measured.flatMap((measure): Measure[] => {
    const value = measure.printedAs === null ? undefined : printed[measure.printedAs];
    return value === undefined ? [] : [{ ...measure, value, error: null }];
  });
}
