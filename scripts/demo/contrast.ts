import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evaluateTexts } from '../../main/engine/evaluation.ts';
import { run, runFiles, type RunReport, type RunSettings } from '../../main/engine/run.ts';
import { openModel } from '../../main/engine/runtime/model.ts';
import { paceOf } from '../../main/engine/runtime/pace.ts';
import { prepareRun } from '../../main/studio/preview-plan.ts';
import { readRecipe } from '../../main/studio/recipe.ts';

/** The demo at about a fifth and a half of all parameters: settings on top of resources/demo/recipe.yaml. */
export const contrastSizes = { '20 %': ['prune.ratio=0.3'], '50 %': ['prune.ratio=0.76'] } as const;

export interface Contrast {
  readonly removedOfParameters: number;
  readonly before: number;
  readonly taylor: number;
  readonly l2: number;
  /** One a seed. */
  readonly random: readonly number[];
}

/** Perplexity after pruning by Taylor, by L2, and at random with seeds 1 to `seeds`; every other setting alike. */
export async function contrastCriteria(settings: readonly string[], seeds: number): Promise<Contrast> {
  const pruned = async (criterion: string, seed = 42): Promise<Pruned> =>
    prune(await settingsOf([...settings, `prune.criterion=${criterion}`, `prune.seed=${seed}`]));
  const taylor = await pruned('taylor-element1');
  const l2 = await pruned('magnitude-l2');
  const random: number[] = [];
  for (let seed = 1; seed <= seeds; seed++) random.push((await pruned('random', seed)).perplexity);
  const original = await settingsOf(settings);
  return {
    removedOfParameters: taylor.report.removedOfParameters,
    before: await perplexityOf(original.model, original, tmpdir()),
    taylor: taylor.perplexity,
    l2: l2.perplexity,
    random,
  };
}

/** Taylor's rise in log-perplexity as a part of the mean rise of the random picks. */
export function riseRatio({ before, taylor, random }: Contrast): number {
  const rise = (perplexity: number): number => Math.log(perplexity / before);
  return rise(taylor) / (random.reduce((total, perplexity) => total + rise(perplexity), 0) / random.length);
}

async function settingsOf(overrides: readonly string[]): Promise<RunSettings> {
  return (await prepareRun(await readRecipe('resources/demo/recipe.yaml', overrides, process.cwd())))
    .settings;
}

interface Pruned {
  readonly report: RunReport;
  readonly perplexity: number;
}

/** A run without its two evaluations, of which the one before is the same for all; then the one after. */
async function prune(settings: RunSettings): Promise<Pruned> {
  const folder = await mkdtemp(join(tmpdir(), 'contrast-'));
  const nothing = (): void => undefined;
  const silent = { stage: nothing, progress: nothing, metric: nothing, training: nothing };
  const unmeasured = { ...settings, evaluate: { ...settings.evaluate, text: null } };
  try {
    const report = await run(unmeasured, folder, silent, new AbortController().signal);
    return { report, perplexity: await perplexityOf(join(folder, runFiles.model), settings, folder) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function perplexityOf(
  modelFolder: string,
  settings: RunSettings,
  scratchFolder: string,
): Promise<number> {
  const model = await openModel(modelFolder);
  const pace = paceOf(new AbortController().signal, () => undefined);
  try {
    const scratch = join(scratchFolder, `contrast-${process.pid}.bin`);
    const [measured] = await evaluateTexts(model, settings.evaluate, settings, scratch, pace);
    return measured.perplexity;
  } finally {
    await model.checkpoint.close();
  }
}
