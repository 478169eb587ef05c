import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { makeFolder, writeFileAtomic } from './checkpoint/atomic-file.ts';
import { hashFile } from './checkpoint/hash-file.ts';
import { evaluationTokens, requireKnownIds, type TokenSource } from './dataset/token-rows.ts';
import { EngineError } from './errors.ts';
import type { MeasuredPerplexity, PerplexityProtocol } from './evaluate/perplexity.ts';
import { harnessVersion, writeHarnessFiles, type AnsweredTask } from './evaluate/tasks/harness-files.ts';
import { paperTaskIds, taskNamed } from './evaluate/tasks/index.ts';
import { logLikelihoods, type ChoiceLikelihoods } from './evaluate/tasks/log-likelihoods.ts';
import { PreparedTask } from './evaluate/tasks/prepared-task.ts';
import { answered, averageOf, scoreOf } from './evaluate/tasks/scoring.ts';
import { findTaskData } from './evaluate/tasks/task-data.ts';
import { countedValue, type TaskScores } from './evaluate/tasks/task-scores.ts';
import {
  measureNetwork,
  notANumber,
  requireRoomFor,
  tokenSource,
  withNetwork,
  type MachineShare,
} from './measure-model.ts';
import { readIfThere, runFiles, type EvaluationStage, type RunStages } from './run-stages.ts';
import type { DescribedModel, Model } from './runtime/model.ts';
import type { Network } from './runtime/network.ts';
import { partOf, type Pace } from './runtime/pace.ts';
import { loadTokenizer, type Tokenizer } from './tokenizer/tokenizer.ts';

/** The tasks that an evaluation asks a model, with every choice made. */
export interface TaskSettings {
  /** Ids of tasks, in the order of the report. */
  readonly names: readonly string[];
  /** The folder with the data sets, each in the hub's layout. */
  readonly data: string;
  /** Worked examples in front of each question. */
  readonly fewShot: number;
  /** Whether each question begins with the BOS that the tokenizer adds; the paper's harness added none. */
  readonly bos: boolean;
  /** First questions of each task to ask; null: all. */
  readonly limit: number | null;
}

/** What an evaluation measures, with every choice made; paths are absolute. */
export interface EvaluationSettings {
  /** null: no perplexity. */
  readonly text: string | null;
  /** Further texts, each measured like the first. */
  readonly moreTexts?: readonly string[];
  readonly seqLen: number;
  /** Rows of each text to take; null: all. */
  readonly samples: number | null;
  readonly tasks?: TaskSettings;
}

/** How well a model does, as a report tells it. */
export interface MeasuredQuality {
  /** On the first evaluation text; null without one. */
  readonly perplexity: number | null;
  /** On each evaluation text, with its protocol. */
  readonly perplexities: readonly MeasuredPerplexity[];
  /** null where no tasks were asked for. */
  readonly tasks: TaskScores | null;
}

/** An evaluation with its data read: the same for every model of a run, which share one tokenizer. */
export interface PreparedEvaluation {
  readonly settings: EvaluationSettings;
  readonly texts: readonly PreparedText[];
  readonly tasks: readonly PreparedTask[];
  readonly tokenizer: () => Promise<Tokenizer>;
}

interface PreparedText {
  readonly protocol: PerplexityProtocol;
  readonly tokens: Int32Array;
}

/** The texts to measure perplexity on, in their order. */
export const textsOf = ({ text, moreTexts = [] }: EvaluationSettings): string[] =>
  text === null ? [] : [text, ...moreTexts];

/** The files that the tasks of an evaluation are read from. */
export async function taskFilesOf({ tasks }: EvaluationSettings): Promise<string[]> {
  if (!tasks) return [];
  const found = await findTaskData(tasks.names.map(taskNamed), tasks.data, tasks.fewShot);
  return found.flatMap(({ questions, examples }) => [...questions, ...examples]);
}

/**
 * Reads texts and tasks.
 * @throws EngineError as evaluationTokens, findTaskData and PreparedTask.read.
 */
export async function prepareEvaluation(
  settings: EvaluationSettings,
  model: DescribedModel,
): Promise<PreparedEvaluation> {
  const texts: PreparedText[] = [];
  for (const path of textsOf(settings)) texts.push(await preparedText(path, settings, model));
  const tasks: PreparedTask[] = [];
  if (settings.tasks) {
    const asked = settings.tasks.names.map(taskNamed);
    const files = await findTaskData(asked, settings.tasks.data, settings.tasks.fewShot);
    for (const [i, task] of asked.entries())
      tasks.push(await PreparedTask.read(task, files[i], settings.tasks));
  }
  let tokenizer: Promise<Tokenizer> | undefined;
  return { settings, texts, tasks, tokenizer: () => (tokenizer ??= loadTokenizer(model.baseFolder)) };
}

async function preparedText(
  path: string,
  { samples }: EvaluationSettings,
  model: DescribedModel,
): Promise<PreparedText> {
  const source = await tokenSource(path, model);
  const tokens = await evaluationTokens(source, samples);
  return { tokens, protocol: await protocolOf(source, samples) };
}

async function protocolOf(source: TokenSource, samples: number | null): Promise<PerplexityProtocol> {
  const { path, documents } = source;
  const file = { text: basename(path), sha256: await hashFile(path) };
  const rowsOf = (rows: readonly unknown[]): number => Math.min(rows.length, samples ?? rows.length);
  if (documents.kind === 'ids')
    return { ...file, rows: rowsOf(documents.rows), joined: 'token-ids', bos: false };
  const bos = addsBos(await source.tokenizer());
  if (documents.kind === 'text') return { ...file, rows: null, joined: 'running-text', bos };
  return { ...file, rows: rowsOf(documents.texts), joined: 'two-newlines', bos };
}

/** Whether a tokenizer puts a token of its own in front of a text. */
function noBos(folder: string): EngineError {
  return new EngineError(
    'recipe-invalid',
    `evaluate.tasks.bos asks for a BOS in front of each question, but the tokenizer of ${folder} puts none there.`,
    { folder },
    'Leave evaluate.tasks.bos (--bos) out.',
  );
}

function addsBos(tokenizer: Tokenizer): boolean {
  const [first] = tokenizer.encode('a');
  const [plain] = tokenizer.encode('a', { addSpecialTokens: false });
  return first !== plain;
}

/** How a stage of a run has its model's network for as long as it is measured. */
export type UseNetwork = <T>(use: (network: Network) => Promise<T>) => Promise<T>;

/**
 * Measures a model as a stage of a run: each text and each task leaves its result in the run's folder, and is done
 * once. Reads no weight where all are there.
 */
export async function evaluateStage(
  stages: RunStages,
  stage: EvaluationStage,
  prepared: PreparedEvaluation,
  { folder: modelFolder, config }: DescribedModel,
  share: MachineShare,
  useNetwork: UseNetwork,
): Promise<MeasuredQuality> {
  const { texts, tasks } = prepared;
  const parts = partsOf(prepared);
  if (parts.length === 0) return { perplexity: null, perplexities: [], tasks: null };
  const harnessFolder = join(stages.folder, runFiles.harness, stage.slice('evaluate-'.length));
  // What a run that was resumed had written before stays as it is, with its date.
  const clock =
    tasks.length > 0 && !(await hasResults(harnessFolder)) ? await startClock(harnessFolder) : null;
  const results = await stages.parts(stage, parts, useNetwork, (part, network, pace) =>
    part.measure(network, { memory: share.memory, scratchPath: stages.scratchPath, pace }),
  );
  const perplexities = texts.map((_, i) => results[i] as MeasuredPerplexity);
  const answers = tasks.map((task, i): AnsweredTask => ({
    prepared: task,
    ...(results[texts.length + i] as ChoiceLikelihoods),
  }));
  const scores = scoresOf(prepared, answers);
  if (scores !== null && clock !== null) {
    const { maxPositions } = config;
    const run = { modelFolder, maxPositions, scores, tasks: answers, ...clock, endedAt: new Date() };
    await writeHarnessFiles(harnessFolder, run);
    await rm(join(harnessFolder, clockFile), { force: true });
  }
  const quality = { perplexity: perplexities[0]?.perplexity ?? null, perplexities, tasks: scores };
  tellMetrics(stages, stage, quality);
  return quality;
}

/** When a stage was first started; gone when its results are written. */
const clockFile = 'started.json';

/** The time of the first start, which a resumed stage keeps. */
async function startClock(folder: string): Promise<{ startedAt: Date; wasResumed: boolean }> {
  const path = join(folder, clockFile);
  const known = (await readIfThere(path)) as { readonly startedAt: string } | undefined;
  if (known !== undefined) return { startedAt: new Date(known.startedAt), wasResumed: true };
  const startedAt = new Date();
  await makeFolder(folder);
  await writeFileAtomic(path, `${JSON.stringify({ startedAt })}\n`);
  return { startedAt, wasResumed: false };
}

async function hasResults(folder: string): Promise<boolean> {
  const names: string[] = await readdir(folder).catch(() => []);
  return names.some((name) => name.startsWith('results_') && name.endsWith('.json'));
}

function tellMetrics({ listener }: RunStages, stage: EvaluationStage, quality: MeasuredQuality): void {
  if (quality.perplexity !== null) listener.metric(`${stage}.perplexity`, quality.perplexity);
  if (quality.tasks === null) return;
  for (const [id, score] of Object.entries(quality.tasks.results))
    listener.metric(`${stage}.${id}`, countedValue(score));
  listener.metric(`${stage}.average`, quality.tasks.average);
}

interface MeasuringTools {
  readonly memory: MachineShare['memory'];
  readonly scratchPath: string;
  readonly pace: Pace;
}

/** A part of an evaluation that is done in one go. */
interface EvaluationPart {
  readonly name: string;
  /** Tokens to read, about. */
  readonly effort: number;
  measure(network: Network, tools: MeasuringTools): Promise<object>;
}

function partsOf(prepared: PreparedEvaluation): EvaluationPart[] {
  const { texts, tasks, settings } = prepared;
  return [
    ...texts.map((text, i) => ({
      name: `text-${i + 1}`,
      effort: text.tokens.length,
      measure: (network: Network, tools: MeasuringTools) =>
        measureText(network, text, settings.seqLen, tools),
    })),
    ...tasks.map((task) => ({
      name: task.task.id,
      effort: task.characters / charactersAToken,
      measure: (network: Network, tools: MeasuringTools) => askTask(network, task, prepared, tools),
    })),
  ];
}

/** Of English text, about: it only weighs texts against tasks in a stage's progress. */
const charactersAToken = 4;

async function measureText(
  network: Network,
  { tokens, protocol }: PreparedText,
  seqLen: number,
  { memory, scratchPath, pace }: MeasuringTools,
): Promise<MeasuredPerplexity> {
  const measured = await measureNetwork(network, tokens, seqLen, memory, scratchPath, pace);
  return { ...protocol, ...measured };
}

/** Of a task's progress: encoding its questions, which is done once a run. */
const encodingPart = 0.05;

async function askTask(
  network: Network,
  task: PreparedTask,
  { tokenizer: load, settings }: PreparedEvaluation,
  { memory, scratchPath, pace }: MeasuringTools,
): Promise<ChoiceLikelihoods> {
  const { model } = network;
  const tokenizer = await load();
  const bos = settings.tasks?.bos === true;
  if (bos && !addsBos(tokenizer)) throw noBos(model.folder);
  const trees = await task.trees(tokenizer, model.config.maxPositions, bos, partOf(pace, 0, encodingPart));
  for (const { ids } of trees) requireKnownIds(model.config.vocabSize, ids, task.task.id, false);
  requireRoomFor(Math.max(...trees.map(({ ids }) => ids.length)), model, memory);
  const found = await logLikelihoods(network, trees, {
    memory,
    scratchPath,
    pace: partOf(pace, encodingPart, 1),
  });
  if (found.logLikelihoods.flat().every(Number.isFinite)) return found;
  throw notANumber(`A log-likelihood of ${model.folder} in ${task.task.name}`);
}

function scoresOf({ settings }: PreparedEvaluation, answers: readonly AnsweredTask[]): TaskScores | null {
  if (!settings.tasks) return null;
  const { names, fewShot, bos, limit } = settings.tasks;
  const results = Object.fromEntries(
    answers.map(({ prepared, logLikelihoods: found }) => {
      const { task, questions, available, dataSha256 } = prepared;
      const right = questions.map((question, i) => answered(question, found[i]));
      return [task.id, scoreOf(task, right, { available, dataSha256 })];
    }),
  );
  return {
    results,
    average: averageOf(results),
    isPapersAverage: paperTaskIds.every((id) => names.includes(id)) && names.length === paperTaskIds.length,
    fewShot,
    bos,
    limit,
    protocol: `lm-evaluation-harness ${harnessVersion}`,
  };
}

/**
 * Perplexity of an open model on texts, outside of a run.
 * @throws EngineError as prepareEvaluation and measureNetwork.
 */
export async function evaluateTexts(
  model: Model,
  settings: EvaluationSettings,
  share: MachineShare,
  scratchPath: string,
  pace: Pace,
): Promise<MeasuredPerplexity[]> {
  const { texts } = await prepareEvaluation(settings, model);
  const total = texts.reduce((sum, { tokens }) => sum + tokens.length, 0);
  return withNetwork(model, share, async (network) => {
    const found: MeasuredPerplexity[] = [];
    let done = 0;
    for (const text of texts) {
      const part = partOf(pace, done / total, (done + text.tokens.length) / total);
      const tools = { memory: share.memory, scratchPath, pace: part };
      found.push(await measureText(network, text, settings.seqLen, tools));
      done += text.tokens.length;
    }
    return found;
  });
}
