import { basename, join, resolve } from 'node:path';
import { requireReadable } from '../engine/checkpoint/hash-file.ts';
import type { LayerShape } from '../engine/families/family.ts';
import type { RecoveryReport, TrainedReport } from '../engine/recovery.ts';
import type { MeasuredQuality } from '../engine/evaluation.ts';
import { runFiles, type MeasuredModel, type RunReport } from '../engine/run.ts';
import type { ComputeDevice } from '../engine/runtime/device.ts';
import type { TrainingPerformance } from '../engine/training-performance.ts';
import { programBytes } from '../engine/runtime/memory-plan.ts';
import { chooseDevice, deviceNow } from '../studio/choose-device.ts';
import { conductRun } from '../studio/conduct-run.ts';
import { lockRun } from '../studio/run-lock.ts';
import { inspectModel } from '../studio/inspect-model.ts';
import { prepareRun, prepareRunOf, requireRunnable } from '../studio/preview-plan.ts';
import { defaultRecipe, formatRecipe, readRecipe, type DeviceWish, type Recipe } from '../studio/recipe.ts';
import { contentOf, identified, identityOf } from '../studio/run-identity.ts';
import {
  createRun,
  findRun,
  openRun,
  readReport,
  type IdentifiedRun,
  type RunEvent,
  type StoredRun,
} from '../studio/run-store.ts';
import type { Outcome } from '../worker/host.ts';
import { beforeAfterTable, sideBySideTable } from './before-after.ts';
import { costText } from './cost-text.ts';
import { exitCode, print, printError, type ExitCode } from './output.ts';
import { planSentences, pruningSentence } from './pruning-sentence.ts';
import { ProgressLine } from './progress-line.ts';
import { scaledMacs, grouped, mebibytes, percent } from './quantities.ts';
import { protocolLine, qualityText, taskComparison } from './quality-text.ts';
import { formatPairs } from './table.ts';

export interface CommonOptions {
  readonly json: boolean;
}

const weightFormats = {
  safetensors: 'safetensors',
  torch: 'PyTorch .bin',
  none: 'config.json only',
} as const;

/** llm-pruner inspect MODEL */
export async function inspect(folder: string, { json }: CommonOptions): Promise<ExitCode> {
  const model = await inspectModel(resolve(folder));
  const { config, family, hasWeights, weightFormat } = model;
  const costs = model.costsWith(config);
  const document = {
    family: family.id,
    ...costs,
    layers: config.layers.length,
    hiddenSize: config.hiddenSize,
    headDim: config.headDim,
    vocabSize: config.vocabSize,
    tiedEmbeddings: config.tiedEmbeddings,
    layerShapes: config.layers,
    hasWeights,
    weightFormat,
  };
  print(json, document, () =>
    formatPairs([
      ['Model', `${basename(model.folder)} (${family.id})`],
      ['Parameters', grouped(costs.parameters)],
      ['MACs (64 tokens)', scaledMacs(costs.macs)],
      ['Weights', `${mebibytes(costs.weightBytes)} (${weightFormats[weightFormat ?? 'none']})`],
      ['Memory (fp16, published formula)', mebibytes(costs.memoryBytes)],
      ['Layers', String(config.layers.length)],
      ['Hidden size', grouped(config.hiddenSize)],
      ['Attention heads', spread(config.layers, ({ heads }) => heads)],
      ['KV heads', spread(config.layers, ({ kvHeads }) => kvHeads)],
      ['MLP channels', spread(config.layers, ({ mlpWidth }) => mlpWidth)],
      ['Vocabulary', `${grouped(config.vocabSize)}${config.tiedEmbeddings ? ', tied' : ''}`],
    ]),
  );
  return exitCode.done;
}

export interface RecipeOptions extends CommonOptions {
  readonly set: readonly string[];
}

/** llm-pruner plan RECIPE */
export async function plan(recipeFile: string | undefined, options: RecipeOptions): Promise<ExitCode> {
  const recipe = await readRecipe(recipeFile, options.set, process.cwd());
  const prepared = await prepareRun(recipe);
  const { preview } = prepared;
  print(
    options.json,
    preview,
    () => `${beforeAfterTable(preview.before, preview.after)}\n\n${planSentences(prepared).join('\n')}`,
  );
  return exitCode.done;
}

interface RunFolderOptions extends CommonOptions {
  readonly out?: string;
}

export interface RunOptions extends RecipeOptions, RunFolderOptions {
  readonly printRecipe: boolean;
}

/** llm-pruner run RECIPE */
export async function run(recipeFile: string | undefined, options: RunOptions): Promise<ExitCode> {
  if (options.printRecipe) return printRecipe(recipeFile, options);
  return runRecipe(await readRecipe(recipeFile, options.set, process.cwd()), options);
}

/** Makes the run of a recipe, or goes on with the one that is there, and carries it out. */
export async function runRecipe(recipe: Recipe, options: RunFolderOptions): Promise<ExitCode> {
  const prepared = await prepareRun(recipe);
  await requireRunnable(prepared);
  const { settings } = prepareRunOf(prepared.model, recipe, await deviceFor(recipe.device));
  // What is named and not there is told before a folder is made.
  for (const path of (await contentOf(settings)).paths) await requireReadable(path);
  const named = options.out === undefined ? undefined : resolve(options.out);
  if (named !== undefined && (await findRun(named)) === undefined) {
    // Reading model and data takes a while; a run that is killed meanwhile can be resumed.
    const made = await createRun(named, recipe, settings, null);
    return carryOut(await identified(made), options);
  }
  const identity = await identityOf(settings);
  const folder = named ?? resolve(defaultFolder(recipe, identity.hash));
  const known = await findRun(folder);
  if (known?.identity?.hash === identity.hash) return continueRun({ ...known, identity }, options);
  return carryOut(await createRun(folder, recipe, settings, identity), options);
}

/** Chooses the device and says so, where a choice was left. */
export async function deviceFor(wish: DeviceWish): Promise<ComputeDevice> {
  const { device, message } = await chooseDevice(wish);
  if (message !== undefined) process.stderr.write(`${message}\n`);
  return device;
}

/** llm-pruner recover RECIPE: a run that prunes nothing. */
export function recover(recipeFile: string | undefined, options: RunOptions): Promise<ExitCode> {
  return run(recipeFile, { ...options, set: [...options.set, 'prune.mode=none'] });
}

/** llm-pruner resume DIR */
export async function resume(folder: string, options: CommonOptions): Promise<ExitCode> {
  const stored = await openRun(resolve(folder));
  if (stored.state === 'finished') return showFinished(stored, options);
  const run = await identified(stored);
  return carryOut(run, options, await deviceNow(stored.settings.device));
}

async function printRecipe(recipeFile: string | undefined, options: RunOptions): Promise<ExitCode> {
  const plain = recipeFile === undefined && options.set.length === 0;
  const recipe = plain ? defaultRecipe() : await readRecipe(recipeFile, options.set, process.cwd());
  print(options.json, recipe, () => formatRecipe(recipe).trimEnd());
  return exitCode.done;
}

/** A finished run is shown, not done again; an interrupted one goes on. */
async function continueRun(stored: IdentifiedRun, options: CommonOptions): Promise<ExitCode> {
  return stored.state === 'finished' ? showFinished(stored, options) : carryOut(stored, options);
}

async function showFinished(stored: StoredRun, options: CommonOptions): Promise<ExitCode> {
  process.stderr.write('This run was finished before; nothing is done again.\n');
  printReport(stored.folder, await readReport(stored.folder), options.json);
  return exitCode.done;
}

async function carryOut(
  stored: IdentifiedRun,
  { json }: CommonOptions,
  device = stored.settings.device,
): Promise<ExitCode> {
  const release = await lockRun(stored.folder);
  const progress = new ProgressLine();
  const running = conductRun(
    stored,
    (event) => {
      show(event, progress);
    },
    { device },
  );
  const outcome = await interruptible(running).finally(release);
  progress.clear();
  if (outcome.kind !== 'done') {
    if (outcome.kind === 'cancelled') process.stderr.write(`To go on: llm-pruner resume ${stored.folder}\n`);
    return unfinished(outcome, json);
  }
  printReport(stored.folder, outcome.result, json);
  return exitCode.done;
}

const stageNames = {
  'evaluate-before': 'evaluating before',
  estimate: 'estimating',
  slice: 'slicing',
  'evaluate-after': 'evaluating after',
  recover: 'recovering',
  'evaluate-recovered': 'evaluating recovered',
  'recover-control': 'training control',
  'evaluate-control': 'evaluating control',
  'measure-cost': 'measuring cost',
} as const;

function show(event: RunEvent, progress: ProgressLine): void {
  if (event.type === 'stage') progress.stage(stageNames[event.stage]);
  else if (event.type === 'progress')
    progress.progress(stageNames[event.stage], event.fraction, event.timeLeftMs);
  else if (event.type === 'training-step')
    progress.tell(`step ${event.step} of ${event.steps}, loss ${event.loss.toFixed(3)}`);
  else if (event.type === 'validation') {
    progress.note(`validation after step ${event.step}: loss ${event.loss.toFixed(4)}`);
  } else if (event.type === 'warning') {
    progress.clear();
    process.stderr.write(`warning: ${event.message}\n`);
  }
}

function printReport(folder: string, report: RunReport, json: boolean): void {
  const modelDir = isEvaluationAlone(report)
    ? report.model
    : join(folder, report.recovery ? runFiles.recovered : runFiles.model);
  const costs = report.cost ? ['', costText(report.cost, (name) => name)] : [];
  print(json, { ...report, outDir: folder, modelDir }, () =>
    linesOf([reportText(folder, report, modelDir), ...costs]),
  );
}

/** A run without a pruned or a trained model. */
const isEvaluationAlone = (report: RunReport): boolean =>
  report.recovery === undefined && report.removedOfParameters === 0;

function reportText(folder: string, report: RunReport, modelDir: string): string {
  if (isEvaluationAlone(report)) return `${qualityText(report.before)}\nThe report is in ${folder}`;
  return report.recovery ? recoveryText(report, report.recovery, modelDir) : pruningText(report, modelDir);
}

function pruningText(report: RunReport, modelDir: string): string {
  return linesOf([
    beforeAfterTable(report.before, report.after),
    '',
    ...qualityLines([
      ['before', report.before],
      ['after', report.after],
    ]),
    pruningSentence(report),
    `The pruned model is in ${modelDir}`,
  ]);
}

function recoveryText(report: RunReport, recovery: RecoveryReport, modelDir: string): string {
  const { recovered, control } = recovery;
  const isPruned = report.removedOfParameters > 0;
  const columns: (readonly [string, MeasuredModel])[] = [
    ...(isPruned ? [['original', report.before] as const] : []),
    [isPruned ? 'pruned' : 'before', report.after],
    ['recovered', { ...report.after, ...qualityOf(recovered) }],
    ...(control ? [['control', { ...report.before, ...qualityOf(control) }] as const] : []),
  ];
  return linesOf([
    sideBySideTable(columns),
    '',
    ...qualityLines(columns),
    isPruned ? pruningSentence(report) : undefined,
    trainingSentence(recovered),
    recovery.base === 'int8' ? base8BitSentence : undefined,
    performanceSentence(report.performance?.recovered),
    returnedSentence(report, recovery),
    control ? 'The control is the original, trained the same way.' : undefined,
    `The recovered model is in ${modelDir}`,
  ]);
}

const linesOf = (lines: readonly (string | undefined)[]): string =>
  lines.filter((line) => line !== undefined).join('\n');

function trainingSentence({
  steps,
  keptStep,
  rows,
  trainableParameters,
  validationLoss,
  endedInWarmUp,
}: TrainedReport): string {
  const kept = keptStep === steps ? '' : `, kept as it was after step ${keptStep}`;
  const measured = validationLoss
    ? ` Validation loss ${validationLoss.before.toFixed(4)} before, ${validationLoss.kept.toFixed(4)} after.`
    : '';
  return `Trained ${grouped(trainableParameters)} parameters of an adapter for ${grouped(steps)} steps on ${grouped(rows)} rows${kept}.${measured}${endedInWarmUp ? warmUpRemark : ''}`;
}

const warmUpRemark =
  '\nThe training ended within its warm-up, so the learning rate never got to its height: set fewer recover.warmupSteps, or more steps.';

const base8BitSentence =
  'While training, the frozen weights of the layers were held in 8 bits; the result is made of the stored ones.';

function performanceSentence(performance: TrainingPerformance | null | undefined): string | undefined {
  if (!performance) return undefined;
  const { tokensPerSecond, tokensPerSecondAtRawRate, peakMemoryBytes, memoryBudgetBytes } = performance;
  const part = Math.round((100 * tokensPerSecond) / tokensPerSecondAtRawRate);
  return `${grouped(tokensPerSecond)} tokens/s, ${part} % of the raw matrix rate. Peak memory of the training process ${mebibytes(peakMemoryBytes)}; the budget is ${mebibytes(memoryBudgetBytes)} beside the program's own ${mebibytes(programBytes)}.${peakMemoryBytes > memoryBudgetBytes + programBytes ? overBudgetRemark : ''}`;
}

const overBudgetRemark =
  '\nOne row at a time takes more than the budget: a smaller recover.cutoff takes less.';

/** A rise of the log-perplexity below this is next to none: a share of it says nothing. */
const leastRise = 0.01;

/** How much of what pruning cost came back, in log-perplexity. */
function returnedSentence({ before, after }: RunReport, { recovered }: RecoveryReport): string | undefined {
  const [original, pruned, now] = [before.perplexity, after.perplexity, recovered.perplexity];
  if (original === null || pruned === null || now === null) return undefined;
  const rise = Math.log(pruned / original);
  if (rise < leastRise) return undefined;
  const returned = Math.log(pruned / now) / rise;
  return `Of the rise in log-perplexity, ${percent(returned)} came back.`;
}

const qualityOf = ({ perplexity, perplexities, tasks }: MeasuredQuality): MeasuredQuality => ({
  perplexity,
  perplexities,
  tasks,
});

/** How perplexities were measured, those on further texts, and the tasks. */
function qualityLines(models: readonly (readonly [name: string, quality: MeasuredQuality])[]): string[] {
  const [[, { perplexities }]] = models;
  const texts = perplexities.map((measured, i) => {
    const values = models.map(
      ([name, quality]) => `${name} ${quality.perplexities[i].perplexity.toPrecision(5)}`,
    );
    return `Perplexity${i === 0 ? '' : ` ${values.join(', ')}`} on ${protocolLine(measured)}.`;
  });
  const tasks = taskComparison(models.map(([name, quality]) => [name, quality.tasks] as const));
  return [...texts, ...(tasks === undefined ? [] : ['', tasks, ''])];
}

/** Ctrl-C asks the job to stop at the next layer; a second one ends it at once. */
export async function interruptible<T>(
  job: {
    readonly outcome: Promise<Outcome<T>>;
    cancel(): void;
    kill(): void;
  },
  stopping = 'stopping after the current layer',
): Promise<Outcome<T>> {
  let interrupted = false;
  const onInterrupt = (): void => {
    if (interrupted) job.kill();
    else {
      process.stderr.write(`\n${stopping}; Ctrl-C again ends at once\n`);
      job.cancel();
    }
    interrupted = true;
  };
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  try {
    const outcome = await job.outcome;
    return interrupted && outcome.kind === 'failed' ? { kind: 'cancelled' } : outcome;
  } finally {
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onInterrupt);
  }
}

export function unfinished(outcome: Exclude<Outcome<unknown>, { kind: 'done' }>, json: boolean): ExitCode {
  if (outcome.kind === 'failed') {
    printError(json, outcome.error);
    return exitCode.failed;
  }
  if (json) process.stdout.write(`${JSON.stringify({ cancelled: true }, null, 2)}\n`);
  process.stderr.write('cancelled\n');
  return exitCode.cancelled;
}

/** Named by what went into it, so that the same work finds itself. */
function defaultFolder(recipe: Recipe, hash: string): string {
  const { mode, criterion, ratio } = recipe.prune;
  const unpruned = recipe.recover === undefined ? 'evaluated' : 'recovered';
  const pruned = `${mode === 'block' ? '' : `${mode}-`}${criterion}-${ratio}`;
  const what = mode === 'none' ? unpruned : pruned;
  return join('runs', `${basename(recipe.model)}-${what}-${hash.slice(0, 8)}`);
}

function spread(layers: readonly LayerShape[], value: (shape: LayerShape) => number): string {
  const values = layers.map(value);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return least === most ? grouped(most) : `${grouped(least)} to ${grouped(most)}`;
}
