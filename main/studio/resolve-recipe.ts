import { availableParallelism, totalmem } from 'node:os';
import { planMemory } from '../engine/runtime/memory-plan.ts';
import type { DescribedModel } from '../engine/runtime/model.ts';
import type { RunSettings } from '../engine/run.ts';
import { checkRatio } from '../engine/prune/plan.ts';
import { checkWindow, defaultWindow } from '../engine/prune/windows.ts';
import { sizeInBytes, type Recipe } from './recipe.ts';

/**
 * A recipe with every automatic choice made for this machine and this model: made once, written into the run, and
 * used again when it is resumed.
 * @throws EngineError ratio-out-of-range, window-out-of-range.
 */
export function resolveRecipe(recipe: Recipe, { config }: DescribedModel, weightBytes: number): RunSettings {
  const { prune } = recipe;
  const layers = config.layers.length;
  const windows = {
    attention: prune.layers.attention ?? defaultWindow(layers),
    mlp: prune.layers.mlp ?? defaultWindow(layers),
  };
  checkRatio(prune.ratio);
  checkWindow('attention', windows.attention, layers);
  checkWindow('mlp', windows.mlp, layers);
  return {
    model: recipe.model,
    prune: {
      criterion: prune.criterion,
      aggregation: prune.aggregation,
      ratio: prune.ratio,
      gqaFold: prune.gqaFold,
      windows,
      seed: prune.seed,
    },
    calibration: recipe.calibration,
    evaluate: recipe.evaluate,
    threads: availableParallelism(),
    memory: planMemory(config, weightBytes, memoryBudget(recipe)),
    platform: `${process.platform}-${process.arch}`,
  };
}

/** Half of the machine where the recipe says auto. */
export function memoryBudget({ memory }: Pick<Recipe, 'memory'>): number {
  return memory === 'auto' ? Math.floor(totalmem() / 2) : sizeInBytes(memory);
}

/** The recipe with the choices of `settings` written in, as a run keeps it. */
export function resolvedRecipe(recipe: Recipe, { prune, memory }: RunSettings): Recipe {
  return {
    ...recipe,
    prune: {
      ...recipe.prune,
      layers: { attention: [...prune.windows.attention], mlp: [...prune.windows.mlp] },
    },
    device: 'cpu',
    memory: memory.budgetBytes,
  };
}
