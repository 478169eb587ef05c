import { availableParallelism, totalmem } from 'node:os';
import { EngineError } from '../engine/errors.ts';
import { modelTargets, type RecoverySettings } from '../engine/recovery.ts';
import { cpu, type ComputeDevice, type DeviceKind } from '../engine/runtime/device.ts';
import { requireBaseOn } from '../engine/runtime/frozen-base.ts';
import { planMemory, planMicroBatch } from '../engine/runtime/memory-plan.ts';
import type { DescribedModel } from '../engine/runtime/model.ts';
import type { RunSettings } from '../engine/run.ts';
import { checkRatio } from '../engine/prune/plan.ts';
import { checkWindow, defaultWindow, type LayerWindow } from '../engine/prune/windows.ts';
import { defaultCriterion, requireSupported, selectionOptionsOf } from './prune-recipe.ts';
import type { Recipe, RecoverRecipe } from './recipe.ts';
import { sizeInBytes } from './size-in-bytes.ts';

/**
 * A recipe with every automatic choice made for this machine and this model: made once, written into the run, and
 * used again when it is resumed.
 * @param weightBytes What the weights take on the device, were they kept there.
 * @throws EngineError ratio-out-of-range, window-out-of-range, combination-unsupported, recipe-invalid.
 */
export function resolveRecipe(
  recipe: Recipe,
  model: DescribedModel,
  weightBytes: number,
  device: ComputeDevice = cpu,
): RunSettings {
  const { prune } = recipe;
  const { config } = model;
  const layers = config.layers.length;
  const windows = windowsOf(recipe, layers);
  const budgetBytes = memoryBudget(recipe);
  const recover = recoveryOf(recipe, model, budgetBytes, device.kind);
  requireSupported(prune);
  checkRatio(prune.ratio);
  checkWindow('attention', windows.attention, layers);
  checkWindow('mlp', windows.mlp, layers);
  return {
    model: recipe.model,
    prune: {
      // First, as it is read back: an identity is a hash of text.
      ...(prune.mode !== 'block' && { mode: prune.mode }),
      criterion: prune.criterion ?? defaultCriterion(model.family),
      aggregation: prune.aggregation,
      ratio: prune.ratio,
      gqaFold: prune.gqaFold,
      windows,
      seed: prune.seed,
      // One step leaves no trace: the identity of a run stays what it was before there could be more.
      ...(prune.mode !== 'none' && prune.steps > 1 && { steps: prune.steps }),
      ...selectionOptionsOf(prune),
    },
    calibration: recipe.calibration,
    evaluate: evaluationOf(recipe),
    threads: availableParallelism(),
    memory: planMemory(config, weightBytes, budgetBytes, device.kind),
    device,
    platform: `${process.platform}-${process.arch}`,
    ...(recover && { recover }),
  };
}

/** What is not asked for leaves no trace: the identity of a run stays what it was before it could be. */
function evaluationOf({ evaluate }: Recipe): RunSettings['evaluate'] {
  const { text, seqLen, samples, tasks, cost } = evaluate;
  const [first = null, ...moreTexts] = typeof text === 'string' ? [text] : (text ?? []);
  return {
    text: first,
    ...(moreTexts.length > 0 && { moreTexts }),
    seqLen,
    samples,
    ...(tasks && { tasks }),
    ...(cost && { cost }),
  };
}

/** Nothing is pruned in no layer; hidden indices, whole layers and the same widths everywhere are a matter of all. */
function windowsOf({ prune }: Recipe, layers: number): RunSettings['prune']['windows'] {
  const { mode, uniform } = prune;
  const all: LayerWindow = [0, layers];
  if (mode === 'none') return { attention: [0, 0], mlp: [0, 0] };
  if (mode !== 'block') return { attention: all, mlp: all };
  const window = uniform ? all : defaultWindow(layers);
  return { attention: prune.layers.attention ?? window, mlp: prune.layers.mlp ?? window };
}

function recoveryOf(
  { prune, recover, evaluate }: Recipe,
  model: DescribedModel,
  budgetBytes: number,
  device: DeviceKind,
): RecoverySettings | undefined {
  if (!recover) {
    const { text, tasks, cost } = evaluate;
    if (prune.mode !== 'none' || text !== null || tasks !== null || cost !== null) return undefined;
    throw new EngineError(
      'recipe-invalid',
      'The recipe asks for nothing: prune.mode is none, there is no key "recover", and nothing is to be evaluated.',
      { key: 'recover' },
      'Name the data to train on in recover.data, a text in evaluate.text, tasks in evaluate.tasks, sizes in evaluate.cost, or set prune.mode to block.',
    );
  }
  if (prune.mode === 'none' && recover.control) {
    throw new EngineError(
      'recipe-invalid',
      'recover.control trains the unpruned model, which a run that prunes nothing does not know.',
      { key: 'recover.control' },
      'Recover within the run that prunes, or train the unpruned model by a recipe of its own.',
    );
  }
  const { data, template, cutoff, trainOnInputs, maxRows, lora, base, output, control } = recover;
  requireBaseOn(base, device);
  const { epochs, steps, batchSize, learningRate, schedule, warmupSteps } = recover;
  const { weightDecay, maxGradNorm, seed, validation, checkpoint } = recover;
  const targets = lora.targets === 'all-linear' ? modelTargets(model) : lora.targets;
  const microBatch = recover.microBatch ?? planMicroBatch(model.config, budgetBytes, cutoff, batchSize);
  return {
    alone: prune.mode === 'none',
    data,
    template,
    cutoff,
    trainOnInputs,
    maxRows,
    lora: { rank: lora.rank, alpha: lora.alpha, targets },
    training: {
      epochs,
      steps,
      batchSize,
      microBatch,
      learningRate,
      schedule,
      warmupSteps,
      weightDecay,
      maxGradNorm,
      dropout: lora.dropout,
      seed,
      validation,
      checkpoint,
    },
    base,
    output,
    control,
  };
}

/** Half of the machine where the recipe says auto. */
export function memoryBudget({ memory }: Pick<Recipe, 'memory'>): number {
  return memory === 'auto' ? Math.floor(totalmem() / 2) : sizeInBytes(memory);
}

/** The recipe with the choices of `settings` written in, as a run keeps it. */
export function resolvedRecipe(recipe: Recipe, settings: RunSettings): Recipe {
  const { prune, memory } = settings;
  return {
    ...recipe,
    prune: {
      ...recipe.prune,
      criterion: prune.criterion,
      layers: { attention: [...prune.windows.attention], mlp: [...prune.windows.mlp] },
    },
    device: settings.device.kind,
    memory: memory.budgetBytes,
    ...(recipe.recover && settings.recover && { recover: resolvedRecover(recipe.recover, settings.recover) }),
  };
}

function resolvedRecover(recover: RecoverRecipe, { lora, training }: RecoverySettings): RecoverRecipe {
  return {
    ...recover,
    lora: { ...recover.lora, targets: [...lora.targets] },
    microBatch: training.microBatch,
  };
}
