import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, writeFileAtomic } from './checkpoint/atomic-file.ts';
import { writeError } from './checkpoint/file-errors.ts';
import { loadTemplate } from './dataset/prompt-template.ts';
import { readDataFile } from './dataset/records.ts';
import { trainingExamples, type TrainingExamples } from './dataset/training-examples.ts';
import { adaptableTargets } from './derive/lora.ts';
import { EngineError } from './errors.ts';
import {
  evaluateStage,
  type MeasuredQuality,
  type PreparedEvaluation,
  type UseNetwork,
} from './evaluation.ts';
import { adapterExporter, primaryExporter } from './export/index.ts';
import type { ModelCard, TrainingFacts } from './export/exporter.ts';
import { requireRoomFor, sessionOptions, withNetwork, type MachineShare } from './measure-model.ts';
import { requireDiskSpace } from './prune/disk-space.ts';
import { adapterShapes, initialAdapter, withAdapter, type AdapterMatrix } from './recover/adapter.ts';
import { float32Tensor, readAdapter, writeAdapter } from './recover/adapter-file.ts';
import { MergedWeights } from './recover/merge.ts';
import { trainAdapter, type TrainingResult, type TrainingSettings } from './recover/trainer.ts';
import { splitExamples } from './recover/training-order.ts';
import { freshState, TrainingCheckpoints, type TrainingState } from './recover/training-state.ts';
import { hasConfig, runFiles, type RunStages, type TrainingStage } from './run-stages.ts';
import { ActivationStore } from './runtime/activation-store.ts';
import type { BaseType } from './runtime/frozen-base.ts';
import { openModel, type DescribedModel, type Model } from './runtime/model.ts';
import { blockGraph } from './runtime/model-graph.ts';
import { Network } from './runtime/network.ts';
import { partOf, type Pace } from './runtime/pace.ts';
import { openWeightStore, type WeightStore } from './runtime/residency.ts';
import { loadTokenizer } from './tokenizer/tokenizer.ts';
import { adaptationOf, trainingNetworks } from './training-networks.ts';
import { speedBesideRawRate, writePerformance } from './training-performance.ts';

/** How a pruned model is recovered, with every choice made; paths are absolute. */
export interface RecoverySettings {
  /** Whether the model is recovered as it is, with nothing pruned before. */
  readonly alone: boolean;
  readonly data: string;
  /** Name of a bundled prompt template, or the path of one. */
  readonly template: string;
  readonly cutoff: number;
  readonly trainOnInputs: boolean;
  readonly maxRows: number | null;
  readonly lora: { readonly rank: number; readonly alpha: number; readonly targets: readonly string[] };
  readonly training: TrainingSettings;
  readonly base: BaseType;
  /** Either is made of, or belongs to, the weights as stored. */
  readonly output: 'merged' | 'adapter';
  /** Whether the original is trained the same way and measured, as a control. */
  readonly control: boolean;
}

/** What a training came to. */
export interface TrainedReport extends TrainingResult, MeasuredQuality {
  readonly trainableParameters: number;
  /** Rows of the data of which nothing could be learnt. */
  readonly passedOver: number;
  /** Mean loss over the validation rows before the first step, and of the adapter that was kept; null without. */
  readonly validationLoss: { readonly before: number; readonly kept: number } | null;
}

export interface RecoveryReport {
  readonly recovered: TrainedReport;
  readonly base: BaseType;
  /** The original, trained the same way; null where it was not asked for. */
  readonly control: TrainedReport | null;
}

/** What a recovery stands on beside its settings. */
export interface RecoveryWork {
  readonly stages: RunStages;
  readonly recover: RecoverySettings;
  readonly share: MachineShare;
  readonly evaluation: PreparedEvaluation;
  readonly examples: TrainingExamples;
  readonly original: Model;
  /** Facts for the card of the recovered model. */
  readonly card: Omit<ModelCard, 'training'>;
}

/**
 * Reads the training data as tokens of the model; looks whether it can be trained on before anything is pruned.
 * @throws EngineError as readDataFile, loadTemplate, trainingExamples and splitRows; recipe-invalid for unknown targets; memory-exceeded for too long a cutoff.
 */
export async function recoveryExamples(
  recover: RecoverySettings,
  model: DescribedModel,
  share: Pick<MachineShare, 'memory'>,
  pace: Pace,
): Promise<TrainingExamples> {
  requireTargets(recover, model);
  requireModelOfItsOwn(recover, model);
  requireRoomFor(recover.cutoff, model, share.memory);
  const { eos_token_id: eos } = model.config.source;
  const eosId: unknown = Array.isArray(eos) ? eos[0] : eos;
  let tokenizer: ReturnType<typeof loadTokenizer> | undefined;
  const found = await trainingExamples(await readDataFile(recover.data), {
    template: await loadTemplate(recover.template),
    cutoff: recover.cutoff,
    trainOnInputs: recover.trainOnInputs,
    maxRows: recover.maxRows,
    vocabSize: model.config.vocabSize,
    eosId: typeof eosId === 'number' ? eosId : undefined,
    tokenizer: () => (tokenizer ??= loadTokenizer(model.baseFolder)),
    breathe: () => pace.breathe(),
  });
  splitExamples(found.examples, recover.training);
  return found;
}

/** The linear weights of a model's layers that can have an adapter, by the last part of their names. */
export function modelTargets({ family, config }: DescribedModel): string[] {
  return adaptableTargets(blockGraph(family, config, config.layers[0]).graph);
}

function requireTargets({ lora: { targets } }: RecoverySettings, model: DescribedModel): void {
  const known = modelTargets(model);
  const unknown = targets.find((target) => !known.includes(target));
  if (unknown === undefined && targets.length > 0) return;
  throw new EngineError(
    'recipe-invalid',
    `recover.lora.targets names ${unknown === undefined ? 'nothing' : `"${unknown}"`}; the layers of this model have ${known.join(', ')}.`,
    { known },
    'Name some of these, or all-linear.',
  );
}

/** What is trained alone on an adapter's model would be an adapter on that one, which no loader opens. */
function requireModelOfItsOwn(
  { alone, output }: RecoverySettings,
  { adapter, folder }: DescribedModel,
): void {
  if (!adapter || !alone || output === 'merged') return;
  throw new EngineError(
    'combination-unsupported',
    `${folder} holds an adapter, and an adapter cannot be kept on top of it.`,
    { folder },
    'Set `recover.output: merged`.',
  );
}

/** Trains an adapter for the pruned model, writes the result, measures it; and the control, where asked for. */
export async function recover(work: RecoveryWork, prunedFolder: string): Promise<RecoveryReport> {
  const recovered = await withModel(work, prunedFolder, async (pruned) => {
    // A result that somebody removed is made again.
    if (!(await hasConfig(join(work.stages.folder, runFiles.recovered)))) await work.stages.forget('recover');
    const trained = await trainStage(work, 'recover', pruned, (adapter, result, pace) =>
      writeRecovered(work, pruned, adapter, result, pace),
    );
    return { ...trained, ...(await measureRecovered(work)) };
  });
  const { base, control } = work.recover;
  if (!control) return { base, recovered, control: null };
  const trained = await trainStage(work, 'recover-control', work.original);
  const measured = await measureControl(work);
  return { base, recovered, control: { ...trained, ...measured } };
}

/** The pruned model, or the original where that is the one to recover. */
async function withModel<T>(
  { original }: RecoveryWork,
  folder: string,
  use: (model: Model) => Promise<T>,
): Promise<T> {
  if (folder === original.folder) return use(original);
  const model = await openModel(folder);
  try {
    return await use(model);
  } finally {
    await model.checkpoint.close();
  }
}

/** What each training keeps in recovery/, beside what it needs while it is under way. */
function filesOf(
  { folder }: RunStages,
  stage: TrainingStage,
): Record<'adapter' | 'curve' | 'training', string> {
  const prefix = stage === 'recover' ? '' : 'control-';
  const within = (name: string): string => join(folder, runFiles.recovery, prefix + name);
  return {
    adapter: within('adapter.safetensors'),
    curve: within('curve.json'),
    training: within('training'),
  };
}

/** Of a stage's progress; the rest is for writing the result. */
const trainingPart = 0.95;

async function trainStage(
  work: RecoveryWork,
  stage: TrainingStage,
  model: Model,
  finish: (
    adapter: readonly AdapterMatrix[],
    result: TrainingResult,
    pace: Pace,
  ) => Promise<void> = async () => {},
): Promise<Omit<TrainedReport, keyof MeasuredQuality>> {
  const files = filesOf(work.stages, stage);
  const checkpoints = new TrainingCheckpoints(files.training);
  const trained = await work.stages.once(stage, async (pace) => {
    await makeFolder(join(work.stages.folder, runFiles.recovery));
    const state = freshState(initialAdapter(model, adaptationOf(work.recover), work.recover.training.seed));
    await checkpoints.restore(state);
    const result = await train(work, stage, model, state, checkpoints, partOf(pace, 0, trainingPart));
    await writeAdapter(files.adapter, state.parameters);
    const { steps, validations } = state;
    await writeFileAtomic(files.curve, `${JSON.stringify({ steps, validations })}\n`);
    await finish(state.parameters, result, partOf(pace, trainingPart, 1));
    return {
      ...result,
      trainableParameters: state.parameters.reduce((total, { values }) => total + values.length, 0),
      passedOver: work.examples.passedOver,
      validationLoss: validationLossOf(state, result),
    };
  });
  await checkpoints.remove();
  return trained;
}

function validationLossOf(
  { validations }: TrainingState,
  { keptStep }: TrainingResult,
): TrainedReport['validationLoss'] {
  if (validations.length === 0) return null;
  const kept = validations.find(({ step }) => step === keptStep) ?? validations[0];
  return { before: validations[0].loss, kept: kept.loss };
}

async function train(
  { stages, recover: settings, share, examples }: RecoveryWork,
  stage: TrainingStage,
  model: Model,
  state: TrainingState,
  checkpoints: TrainingCheckpoints,
  pace: Pace,
): Promise<TrainingResult> {
  const networks = trainingNetworks(settings, model, state.parameters, share);
  const store = new ActivationStore(stages.scratchPath, share.memory.activationBytes);
  try {
    // Before the training's own sessions hold memory.
    const tokens = settings.training.microBatch * settings.cutoff;
    const speed = await speedBesideRawRate(model, adaptationOf(settings), tokens, sessionOptions(share));
    const pass = { store, pace, activationBytes: share.memory.activationBytes };
    const result = await trainAdapter(
      networks,
      examples.examples,
      state,
      settings.training,
      checkpoints,
      pass,
      {
        step: (report, effort) => {
          speed.add(effort);
          stages.listener.training({ type: 'training-step', stage, ...report });
        },
        validation: (record) => {
          stages.listener.training({ type: 'validation', stage, ...record });
        },
      },
    );
    const summary = speed.summary();
    if (summary) await writePerformance(stages.folder, stage, summary, share.memory.budgetBytes);
    return result;
  } finally {
    await store.close();
    await networks.release();
  }
}

/** Writes recovered/, which appears whole or not at all. */
async function writeRecovered(
  work: RecoveryWork,
  pruned: Model,
  adapter: readonly AdapterMatrix[],
  { steps, rows }: TrainingResult,
  pace: Pace,
): Promise<void> {
  const finished = join(work.stages.folder, runFiles.recovered);
  const partial = `${finished}.partial`;
  for (const folder of [partial, finished]) await rm(folder, { recursive: true, force: true });
  const { rank, alpha } = work.recover.lora;
  const training = { steps, rows, rank, alpha, isBase8Bit: work.recover.base === 'int8' };
  try {
    if (work.recover.output === 'merged') await writeMerged(work, pruned, adapter, training, partial, pace);
    else await writeAdapterFolder(work, pruned, adapter, training, partial);
    await rename(partial, finished).catch((error: unknown) => {
      throw writeError(error, finished);
    });
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

async function writeMerged(
  { recover: settings, share, card, stages }: RecoveryWork,
  pruned: Model,
  adapter: readonly AdapterMatrix[],
  training: TrainingFacts,
  folder: string,
  pace: Pace,
): Promise<void> {
  await requireDiskSpace(stages.folder, pruned.checkpoint.totalBytes);
  const merged = new MergedWeights(pruned, adapter, adaptationOf(settings), { threads: share.threads });
  try {
    const source = {
      model: pruned,
      shape: pruned.config,
      tensors: merged.tensors(),
      card: { ...card, training },
      pace,
    };
    await primaryExporter.write(source, folder);
  } finally {
    await merged.release();
  }
}

async function writeAdapterFolder(
  { recover: settings }: RecoveryWork,
  pruned: Model,
  adapter: readonly AdapterMatrix[],
  training: TrainingFacts,
  folder: string,
): Promise<void> {
  await adapterExporter.write(
    {
      baseModel: pruned.folder,
      rank: settings.lora.rank,
      alpha: settings.lora.alpha,
      dropout: settings.training.dropout,
      targets: settings.lora.targets,
      tensors: adapter.map(({ name, shape, values }) => float32Tensor(name, shape, values)),
      training,
    },
    folder,
  );
}

/** What was written is measured, opened like any other model. */
async function measureRecovered(work: RecoveryWork): Promise<MeasuredQuality> {
  const { stages, share, evaluation } = work;
  return withModel(work, join(stages.folder, runFiles.recovered), (model) =>
    evaluateStage(stages, 'evaluate-recovered', evaluation, model, share, (use) =>
      withNetwork(model, share, use),
    ),
  );
}

/** Measures the original with the control's adapter beside it, unmerged. */
function measureControl({
  stages,
  recover: settings,
  share,
  evaluation,
  original: model,
}: RecoveryWork): Promise<MeasuredQuality> {
  const useAdapted: UseNetwork = async (use) => {
    const adaptation = adaptationOf(settings);
    const adapter = await readAdapter(
      filesOf(stages, 'recover-control').adapter,
      adapterShapes(model, adaptation),
    );
    const weights = withAdapter(weightStore(model, share), adapter);
    const network = new Network(model, weights, sessionOptions(share), adaptation);
    try {
      return await use(network);
    } finally {
      await network.release();
      weights.release();
    }
  };
  return evaluateStage(stages, 'evaluate-control', evaluation, model, share, useAdapted);
}

const weightStore = ({ checkpoint }: Model, { memory, device }: MachineShare): WeightStore =>
  openWeightStore(checkpoint, memory.residency, device.kind);
