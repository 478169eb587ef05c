import { readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { makeFolder, writeFileAtomic } from './checkpoint/atomic-file.ts';
import { errnoOf, writeError } from './checkpoint/file-errors.ts';
import { readJsonFile } from './checkpoint/read-json.ts';
import type { Criterion } from './criteria/criterion.ts';
import { criterionNamed } from './criteria/index.ts';
import {
  calibrationRows,
  evaluationTokens,
  openTokenSource,
  type CalibrationSampling,
} from './dataset/token-rows.ts';
import { EngineError } from './errors.ts';
import { measurePerplexity, type Perplexity } from './evaluate/perplexity.ts';
import { primaryExporter } from './export/index.ts';
import type { LayerShape } from './families/family.ts';
import type { Aggregation } from './prune/aggregate.ts';
import { estimate, type EstimateResult, type LayerScores } from './prune/estimate.ts';
import { requireDiskSpace } from './prune/disk-space.ts';
import {
  checkRatio,
  modelCosts,
  prunedShapes,
  selectLocally,
  type LocalSelection,
  type ModelCosts,
  type PrunePlan,
} from './prune/plan.ts';
import type { GqaFold } from './prune/unit-scores.ts';
import { checkWindow, type LayerWindow } from './prune/windows.ts';
import { ActivationStore } from './runtime/activation-store.ts';
import type { MemoryPlan } from './runtime/memory-plan.ts';
import { openModel, storedBytesPerElement, type Model } from './runtime/model.ts';
import { Network } from './runtime/network.ts';
import { paceOf, type Pace } from './runtime/pace.ts';
import { openWeightStore } from './runtime/residency.ts';
import { loadTokenizer } from './tokenizer/tokenizer.ts';

/** Everything a run depends on, with every choice made; paths are absolute. */
export interface RunSettings {
  readonly model: string;
  readonly prune: LocalSelection & {
    readonly criterion: string;
    readonly aggregation: Aggregation;
    readonly gqaFold: GqaFold;
    readonly seed: number;
  };
  readonly calibration: CalibrationSampling & { readonly source: string | null };
  readonly evaluate: EvaluationSettings;
  readonly threads: number;
  readonly memory: MemoryPlan;
  /** Operating system and processor: the same bytes are promised only there. */
  readonly platform: string;
}

export interface EvaluationSettings {
  readonly text: string | null;
  readonly seqLen: number;
  readonly samples: number | null;
}

export const runStages = ['evaluate-before', 'estimate', 'slice', 'evaluate-after'] as const;
export type RunStage = (typeof runStages)[number];

/** Hears what a run does; fractions are of the stage and never fall. */
export interface RunListener {
  stage(stage: RunStage): void;
  progress(stage: RunStage, fraction: number): void;
  metric(name: string, value: number): void;
}

export interface MeasuredModel extends ModelCosts {
  /** null without an evaluation text. */
  readonly perplexity: number | null;
}

export interface RunReport {
  readonly model: string;
  readonly criterion: string;
  readonly aggregation: Aggregation;
  readonly windows: { readonly attention: LayerWindow; readonly mlp: LayerWindow };
  /** The ratio asked for, inside the windows. */
  readonly ratioInWindow: number;
  /** What it came to, of all parameters: 0.195 for a ratio of 0.25 in LLaMA-7B's [4, 30). */
  readonly removedOfParameters: number;
  readonly calibration: { readonly rows: number; readonly tokens: number; readonly loss: number } | null;
  readonly evaluation: Omit<Perplexity, 'perplexity'> | null;
  readonly before: MeasuredModel;
  readonly after: MeasuredModel;
}

/** Where a run's files lie inside its folder. */
export const runFiles = {
  plan: 'plan.json',
  report: 'report.json',
  scores: 'scores',
  checkpoints: 'checkpoints',
  model: 'model',
  scratch: 'scratch.bin',
} as const;

/** Our own files are small; more is damage. */
const maxRunFileBytes = 256 * 2 ** 20;

/**
 * Prunes a model: evaluate, estimate, select, slice, evaluate again. What is already in `folder` from an interrupted
 * run of the same settings is used, so that resuming ends in the same bytes.
 * @throws EngineError, or Cancelled when `signal` is aborted.
 */
export async function run(
  settings: RunSettings,
  folder: string,
  listener: RunListener,
  signal: AbortSignal,
): Promise<RunReport> {
  const workshop = await Workshop.open(settings, folder, listener, signal);
  try {
    const before = await workshop.evaluate('evaluate-before', settings.model);
    const estimated = await workshop.estimate();
    const plan = await workshop.select();
    const pruned = await workshop.slice(plan);
    const after = await workshop.evaluate('evaluate-after', pruned);
    return await workshop.report(before, after, estimated);
  } finally {
    await workshop.close();
  }
}

interface Estimated extends EstimateResult {
  readonly rows: number;
  readonly tokens: number;
}

/** One run at work: the open model, the folder, and what each stage leaves in it. */
class Workshop {
  private constructor(
    private readonly settings: RunSettings,
    private readonly folder: string,
    private readonly listener: RunListener,
    private readonly signal: AbortSignal,
    private readonly model: Model,
    private readonly criterion: Criterion,
    private readonly shapes: readonly LayerShape[],
    private readonly calibration: readonly (readonly number[])[],
    private readonly evaluationText: Int32Array | null,
  ) {}

  /** Looks at everything the run stands on before it leaves anything in the folder or computes for long. */
  static async open(
    settings: RunSettings,
    folder: string,
    listener: RunListener,
    signal: AbortSignal,
  ): Promise<Workshop> {
    const criterion = criterionNamed(settings.prune.criterion);
    requireCalibrationSource(settings);
    checkRatio(settings.prune.ratio);
    const model = await openModel(settings.model);
    try {
      const layers = model.config.layers.length;
      checkWindow('attention', settings.prune.windows.attention, layers);
      checkWindow('mlp', settings.prune.windows.mlp, layers);
      const shapes = prunedShapes(model.config, settings.prune);
      const calibration = await calibrationOf(criterion, settings, model);
      const { text, samples } = settings.evaluate;
      const evaluationText =
        text === null ? null : await evaluationTokens(await tokenSource(text, model), samples);
      for (const part of ['', runFiles.scores, runFiles.checkpoints]) await makeFolder(join(folder, part));
      await removePartials(folder);
      return new Workshop(
        settings,
        folder,
        listener,
        signal,
        model,
        criterion,
        shapes,
        calibration,
        evaluationText,
      );
    } catch (error) {
      await model.checkpoint.close();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.model.checkpoint.close();
  }

  /** Perplexity of a model folder on the evaluation text; null without one. */
  async evaluate(
    stage: 'evaluate-before' | 'evaluate-after',
    modelFolder: string,
  ): Promise<Perplexity | null> {
    const { settings, evaluationText: tokens } = this;
    if (tokens === null) return null;
    const measured = await this.once(stage, async (pace) => {
      const model = stage === 'evaluate-before' ? this.model : await openModel(modelFolder);
      try {
        const scratchPath = join(this.folder, runFiles.scratch);
        return await measureModel(model, tokens, settings.evaluate.seqLen, settings, scratchPath, pace);
      } finally {
        if (model !== this.model) await model.checkpoint.close();
      }
    });
    this.listener.metric(`${stage}.perplexity`, measured.perplexity);
    return measured;
  }

  /** Scores of every layer in the windows, one file each. */
  estimate(): Promise<Estimated> {
    return this.once('estimate', async (pace) => {
      const rows = this.calibration;
      const done = new Set((await this.readScores()).keys());
      const store = new ActivationStore(
        join(this.folder, runFiles.scratch),
        this.settings.memory.activationBytes,
      );
      const result = await withNetwork(this.model, this.settings, async (network) => {
        try {
          return await estimate(network, {
            criterion: this.criterion,
            aggregation: this.settings.prune.aggregation,
            fold: this.settings.prune.gqaFold,
            windows: this.settings.prune.windows,
            seed: this.settings.prune.seed,
            rows,
            batchTokens: this.settings.memory.batchTokens,
            store,
            session: { threads: this.settings.threads },
            pace,
            done,
            save: (scores) => this.writeScores(scores),
          });
        } finally {
          await store.close();
        }
      });
      if (result.calibrationLoss !== undefined)
        this.listener.metric('calibration.loss', result.calibrationLoss);
      return { ...result, rows: rows.length, tokens: rows.reduce((total, row) => total + row.length, 0) };
    });
  }

  async select(): Promise<PrunePlan> {
    const plan = selectLocally(this.model.config, this.shapes, await this.readScores());
    await writeFileAtomic(join(this.folder, runFiles.plan), `${JSON.stringify(plan)}\n`);
    return plan;
  }

  /** Writes the pruned model's folder; it appears whole or not at all, and again where somebody removed it. */
  async slice(plan: PrunePlan): Promise<string> {
    const finished = join(this.folder, runFiles.model);
    if (!(await hasConfig(finished))) await rm(this.checkpointFile('slice'), { force: true });
    await this.once('slice', async (pace) => {
      const partial = `${finished}.partial`;
      await rm(partial, { recursive: true, force: true });
      await rm(finished, { recursive: true, force: true });
      await requireDiskSpace(this.folder, this.costs(this.shapes).weightBytes);
      const card = {
        baseModel: basename(this.settings.model),
        criterion: this.criterion.id,
        aggregation: this.settings.prune.aggregation,
        ratio: this.settings.prune.ratio,
        parametersBefore: this.costs(this.model.config.layers).parameters,
        parametersAfter: this.costs(this.shapes).parameters,
      };
      try {
        await primaryExporter.write({ model: this.model, plan, card, pace }, partial);
        await rename(partial, finished).catch((error: unknown) => {
          throw writeError(error, finished);
        });
      } catch (error) {
        await rm(partial, { recursive: true, force: true });
        throw error;
      }
      return {};
    });
    return finished;
  }

  async report(
    before: Perplexity | null,
    after: Perplexity | null,
    estimated: Estimated,
  ): Promise<RunReport> {
    const costsBefore = this.costs(this.model.config.layers);
    const costsAfter = this.costs(this.shapes);
    const { calibrationLoss: loss, rows, tokens } = estimated;
    const report: RunReport = {
      model: this.settings.model,
      criterion: this.criterion.id,
      aggregation: this.settings.prune.aggregation,
      windows: this.settings.prune.windows,
      ratioInWindow: this.settings.prune.ratio,
      removedOfParameters: 1 - costsAfter.parameters / costsBefore.parameters,
      calibration: loss === undefined ? null : { rows, tokens, loss },
      evaluation: before && { tokens: before.tokens, chunks: before.chunks, seqLen: before.seqLen },
      before: { ...costsBefore, perplexity: before?.perplexity ?? null },
      after: { ...costsAfter, perplexity: after?.perplexity ?? null },
    };
    await writeFileAtomic(join(this.folder, runFiles.report), `${JSON.stringify(report, null, 2)}\n`);
    return report;
  }

  private costs(layers: readonly LayerShape[]): ModelCosts {
    return modelCosts(this.model.family, this.model.config, layers, storedBytesPerElement(this.model));
  }

  /** Does a stage, or takes its result from an interrupted run. */
  private async once<T extends object>(stage: RunStage, work: (pace: Pace) => Promise<T>): Promise<T> {
    const file = this.checkpointFile(stage);
    this.listener.stage(stage);
    const known = await readIfThere(file);
    if (known !== undefined) return known as T;
    const pace = paceOf(this.signal, (fraction) => {
      this.listener.progress(stage, fraction);
    });
    await pace.breathe();
    const result = await work(pace);
    await writeFileAtomic(file, `${JSON.stringify(result)}\n`);
    this.listener.progress(stage, 1);
    return result;
  }

  private checkpointFile(stage: RunStage): string {
    return join(this.folder, runFiles.checkpoints, `${stage}.json`);
  }

  private async readScores(): Promise<Map<number, LayerScores>> {
    const folder = join(this.folder, runFiles.scores);
    const files = (await readdir(folder)).filter((file) => file.endsWith('.json')).sort();
    const scores = new Map<number, LayerScores>();
    for (const file of files) {
      const layer = (await readJsonFile(join(folder, file), { maxBytes: maxRunFileBytes })) as LayerScores;
      scores.set(layer.layer, layer);
    }
    return scores;
  }

  private async writeScores(scores: LayerScores): Promise<void> {
    const { layer, heads, channels } = scores;
    if (![...heads, ...channels].every(Number.isFinite)) throw notANumber(`A score in layer ${layer}`);
    const file = `layer-${String(layer).padStart(3, '0')}.json`;
    await writeFileAtomic(join(this.folder, runFiles.scores, file), `${JSON.stringify(scores)}\n`);
  }
}

const needsCalibration = (criterion: Criterion): boolean =>
  criterion.kind !== 'drawn' && criterion.needsGradient;

/** @throws EngineError recipe-invalid where the criterion needs data and none is named. */
export function requireCalibrationSource({ prune, calibration }: RunSettings): void {
  const criterion = criterionNamed(prune.criterion);
  if (calibration.source !== null || !needsCalibration(criterion)) return;
  throw new EngineError(
    'recipe-invalid',
    `The criterion ${criterion.id} needs calibration data, but calibration.source is not set.`,
    { criterion: criterion.id },
    'Name a text or JSONL file in calibration.source, or choose a criterion that needs no data.',
  );
}

async function calibrationOf(criterion: Criterion, settings: RunSettings, model: Model): Promise<number[][]> {
  const { source } = settings.calibration;
  if (source === null || !needsCalibration(criterion)) return [];
  const rows = await calibrationRows(await tokenSource(source, model), settings.calibration);
  requireRoomFor(longest(rows), model, settings.memory);
  return rows;
}

/** Perplexity of an open model on a text file. */
export async function evaluateModel(
  model: Model,
  evaluation: EvaluationSettings & { readonly text: string | null },
  options: { readonly threads: number; readonly memory: MemoryPlan },
  scratchPath: string,
  pace: Pace,
): Promise<Perplexity> {
  if (evaluation.text === null) throw new RangeError('There is no text to evaluate on.');
  const tokens = await evaluationTokens(await tokenSource(evaluation.text, model), evaluation.samples);
  return measureModel(model, tokens, evaluation.seqLen, options, scratchPath, pace);
}

async function measureModel(
  model: Model,
  tokens: Int32Array,
  seqLen: number,
  options: { readonly threads: number; readonly memory: MemoryPlan },
  scratchPath: string,
  pace: Pace,
): Promise<Perplexity> {
  // A text shorter than that is told so by the measurement.
  if (seqLen <= tokens.length) requireRoomFor(seqLen, model, options.memory);
  const measured = await withNetwork(model, options, (network) =>
    measurePerplexity(network, tokens, seqLen, { memory: options.memory, scratchPath, pace }),
  );
  if (!Number.isFinite(measured.perplexity)) throw notANumber(`The perplexity of ${model.folder}`);
  return measured;
}

/** JSON knows no NaN: it would read back as null, and scores of null would be compared like others. */
function notANumber(what: string): EngineError {
  return new EngineError(
    'compute-failed',
    `${what} is not a finite number.`,
    {},
    'The weights of the model may hold NaN or infinity. Get them again, or try the model elsewhere.',
  );
}

/**
 * A row's attention takes float32 of [length, length] for every head and for the mask.
 * @throws EngineError memory-exceeded where these alone are above the budget.
 */
function requireRoomFor(length: number, { config }: Model, { budgetBytes }: MemoryPlan): void {
  const heads = Math.max(...config.layers.map((layer) => layer.heads));
  const sizeBytes = 4 * length ** 2 * (heads + 1);
  if (sizeBytes <= budgetBytes) return;
  throw new EngineError(
    'memory-exceeded',
    `Attention over ${length} tokens at once needs ${sizeBytes} bytes, more than the memory budget of ${budgetBytes}.`,
    { length, sizeBytes, budgetBytes },
    'Choose a smaller sequence length, shorter rows of token ids, or a larger `memory`.',
  );
}

const longest = (rows: readonly (readonly number[])[]): number =>
  rows.reduce((most, row) => Math.max(most, row.length), 0);

function tokenSource(path: string, model: Model): ReturnType<typeof openTokenSource> {
  return openTokenSource(path, model.config.vocabSize, () => loadTokenizer(model.folder));
}

async function withNetwork<T>(
  model: Model,
  { threads, memory }: { readonly threads: number; readonly memory: MemoryPlan },
  use: (network: Network) => Promise<T>,
): Promise<T> {
  const network = new Network(model, openWeightStore(model.checkpoint, memory.residency), { threads });
  try {
    return await use(network);
  } finally {
    await network.release();
  }
}

async function hasConfig(modelFolder: string): Promise<boolean> {
  const names: string[] = await readdir(modelFolder).catch(() => []);
  return names.includes('config.json');
}

async function readIfThere(path: string): Promise<unknown> {
  try {
    return await readJsonFile(path, { maxBytes: maxRunFileBytes });
  } catch (error) {
    if (error instanceof EngineError && error.code === 'file-missing') return undefined;
    throw error;
  }
}

/** What a killed run was writing: half a file under another name, of no use to anyone. */
async function removePartials(folder: string): Promise<void> {
  for (const part of ['', runFiles.scores, runFiles.checkpoints]) {
    for (const file of await readdir(join(folder, part))) {
      if (file.endsWith('.partial')) await rm(join(folder, part, file), { recursive: true, force: true });
    }
  }
  await rm(join(folder, runFiles.scratch), { force: true }).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error;
  });
}
