import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, type RunReport, type RunSettings } from '../../main/engine/run.ts';
import { prepareRun } from '../../main/studio/preview-plan.ts';
import { readRecipe } from '../../main/studio/recipe.ts';

/** The demo at about a fifth and a half of all parameters: settings on top of resources/demo/recipe.yaml. */
export const contrastSizes = {
  '20 %': ['prune.ratio=0.3'],
  '50 %': ['prune.ratio=0.6', 'prune.layers.attention=[0, 8]', 'prune.layers.mlp=[0, 8]'],
} as const;

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
  const measured = async (criterion: string, seed = 42): Promise<RunReport> =>
    prune(await settingsOf([...settings, `prune.criterion=${criterion}`, `prune.seed=${seed}`]));
  const taylor = await measured('taylor-element1');
  const l2 = await measured('magnitude-l2');
  const random: number[] = [];
  for (let seed = 1; seed <= seeds; seed++) random.push(perplexityOf((await measured('random', seed)).after));
  return {
    removedOfParameters: taylor.removedOfParameters,
    before: perplexityOf(taylor.before),
    taylor: perplexityOf(taylor.after),
    l2: perplexityOf(l2.after),
    random,
  };
}

/** Taylor's rise in log-perplexity as a part of the mean rise of the random picks. */
export function riseRatio({ before, taylor, random }: Contrast): number {
  const rise = (perplexity: number): number => Math.log(perplexity / before);
  return rise(taylor) / (random.reduce((total, perplexity) => total + rise(perplexity), 0) / random.length);
}

async function settingsOf(overrides: readonly string[]): Promise<RunSettings> {
  return (await prepareRun(await readRecipe('resources/demo/recipe.yaml', overrides, process.cwd()))).settings;
}

async function prune(settings: RunSettings): Promise<RunReport> {
  const folder = await mkdtemp(join(tmpdir(), 'contrast-'));
  const silent = { stage: () => undefined, progress: () => undefined, metric: () => undefined };
  try {
    return await run(settings, folder, silent, new AbortController().signal);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function perplexityOf({ perplexity }: RunReport['after']): number {
  if (perplexity === null) throw new RangeError('The recipe has no evaluation text.');
  return perplexity;
}
