import { realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readJsonFile } from '../../engine/checkpoint/read-json.ts';
import type { LayerShape } from '../../engine/families/family.ts';
import type { MeasuredQuality } from '../../engine/evaluation.ts';
import { shapesOf, type ModelCosts, type PrunePlan } from '../../engine/prune/plan.ts';
import { runFiles, type RunReport } from '../../engine/run.ts';
import { describeModel } from '../../engine/runtime/model.ts';
import { inspectModel } from '../inspect-model.ts';
import { judgedBy } from '../recipe.ts';
import { readReport, type StoredRun } from '../run-store.ts';
import { costMeasures } from './cost-measures.ts';
import { machineMeasures } from './machine-measures.ts';
import type { Measure } from './measure.ts';
import {
  perplexityMeasures,
  reportedPerplexity,
  taskMeasures,
  type ReportedPerplexity,
} from './quality-measures.ts';
import type { ComparedRun, Pruning, RunRole, Subject } from './subject.ts';

/** A plan has a number a head and a channel that stays. */
const maxPlanBytes = 64 * 2 ** 20;

/** Reports from before there were several texts, and tasks, have the first number alone. */
type Quality = Pick<MeasuredQuality, 'perplexity'> & Partial<MeasuredQuality>;

/**
 * A finished run's models, read out of its folder.
 * @param names What run and model go by.
 * @throws EngineError run-folder-invalid, file-missing.
 */
export async function comparedRun(
  runId: string,
  stored: StoredRun,
  names: { readonly run: string; readonly model: string },
): Promise<ComparedRun> {
  const report = await readReport(stored.folder);
  const layers = await layersOf(stored);
  const timed = (name: 'before' | 'after'): Measure[] =>
    machineMeasures(report.cost, name, { runId, run: names.run, original: report.model });
  const timesOf = (role: RunRole): Measure[] => {
    if (role === 'control') return [];
    if (role === 'recovered') return timed('after').map((measure) => ({ ...measure, isOfPruned: true }));
    return timed(role === 'original' ? 'before' : 'after');
  };
  const original = await placeOf(stored.settings.model);
  const folders: Readonly<Record<RunRole, string | null>> = {
    original,
    pruned: await placeOf(join(stored.folder, runFiles.model)),
    recovered: await placeOf(join(stored.folder, runFiles.recovered)),
    control: null,
  };
  const subjectOf = (role: RunRole, costs: ModelCosts, quality: Quality): Subject => ({
    key: `${runId} ${role}`,
    name: role === 'original' ? names.model : names.run,
    role,
    source: null,
    runId,
    folder: folders[role],
    layers: role === 'original' || role === 'control' ? layers.before : layers.after,
    measures: [
      ...costMeasures(costs),
      ...perplexityMeasures(perplexitiesOf(quality, report, stored)),
      ...taskMeasures(quality.tasks ?? null),
      ...timesOf(role),
    ],
  });
  const { before, after, recovery } = report;
  const isPruned = report.removedOfParameters > 0;
  return {
    runId,
    name: names.run,
    recipe: toldRecipe(stored.recipe),
    subjects: [
      subjectOf('original', before, before),
      ...(isPruned ? [subjectOf('pruned', after, after)] : []),
      ...(recovery ? [subjectOf('recovered', after, recovery.recovered)] : []),
      ...(recovery?.control ? [subjectOf('control', before, recovery.control)] : []),
    ],
    pruning: isPruned ? await pruningOf(stored, report) : null,
  };
}

/** A model folder of no run: what its files tell. @throws EngineError as inspectModel. */
export async function comparedModel(key: string, folder: string, name: string): Promise<Subject> {
  const model = await inspectModel(folder);
  const { layers } = model.config;
  const measures = costMeasures(model.costsWith(model.config));
  return {
    key,
    name,
    role: 'model',
    source: null,
    runId: null,
    folder: await placeOf(folder),
    layers,
    measures,
  };
}

/** One name for a folder that several lead to; its name as it is where it is gone. */
const placeOf = (folder: string): Promise<string> => realpath(folder).catch(() => folder);

/** A report from before there were several texts tells one number, and its text only by the path. */
function perplexitiesOf(
  { perplexity, perplexities }: Quality,
  { evaluation }: RunReport,
  { settings }: Pick<StoredRun, 'settings'>,
): readonly ReportedPerplexity[] {
  const { text, samples } = settings.evaluate;
  const isWhole = samples === null;
  if (perplexities !== undefined && perplexities.length > 0)
    return perplexities.map((measured) => reportedPerplexity(measured, isWhole));
  if (perplexity === null || evaluation === null || text === null) return [];
  return [{ ...evaluation, text, reading: [], isWhole, perplexity }];
}

/** What a run's perplexities were measured on; only those of one id are to be compared. */
export interface PerplexityProtocol {
  readonly id: string;
  readonly text: string;
  readonly seqLen: number;
  readonly chunks: number;
}

/** Of the perplexities that a report leads with; null where there are none. */
export function perplexityProtocol(
  report: RunReport,
  stored: Pick<StoredRun, 'settings'>,
): PerplexityProtocol | null {
  const [first] = perplexityMeasures(perplexitiesOf(report.before, report, stored));
  if (first?.protocol?.about !== 'text') return null;
  const { text, seqLen, chunks } = first.protocol;
  return { id: first.id, text, seqLen, chunks };
}

interface Layers {
  readonly before: readonly LayerShape[] | null;
  readonly after: readonly LayerShape[] | null;
}

/** null where a file that told the widths is gone: the numbers stand without. */
async function layersOf({ folder, settings }: StoredRun): Promise<Layers> {
  const described = await describeModel(settings.model).catch(() => null);
  const before = described?.config.layers ?? null;
  const plan = await readJsonFile(join(folder, runFiles.plan), { maxBytes: maxPlanBytes }).catch(() => null);
  return { before, after: plan === null ? before : shapesOf(plan as PrunePlan) };
}

async function pruningOf({ settings }: StoredRun, report: RunReport): Promise<Pruning | null> {
  const described = await describeModel(settings.model).catch(() => null);
  if (described === null) return null;
  const { mode = 'block', criterion, aggregation, ratio, steps = 1, windows } = settings.prune;
  return {
    folder: settings.model,
    family: described.family.id,
    parameters: report.before.parameters,
    criterion,
    aggregation,
    mode,
    ratio,
    steps,
    attention: windows.attention,
    mlp: windows.mlp,
  };
}

/** What a run goes by where nobody gave it a name. */
export function runTitle({ settings, recipe }: StoredRun, modelName = basename(settings.model)): string {
  const { mode } = recipe.prune;
  if (mode === 'none') return modelName;
  return `${modelName}, ${mode === 'block' ? '' : `${mode} `}${judgedBy(recipe.prune)} ${settings.prune.ratio}`;
}

/** What a run that prunes nothing says of pruning is not what it did. */
function toldRecipe(recipe: StoredRun['recipe']): object {
  return recipe.prune.mode === 'none' ? { ...recipe, prune: { mode: 'none' } } : recipe;
}
