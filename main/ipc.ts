import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { app, ipcMain, shell, type IpcMainInvokeEvent } from 'electron';
import { channels } from '../preload/channels.ts';
import {
  calls,
  type Answer,
  type CallName,
  type CallRequest,
  type CallResponse,
  type Picked,
  type PruneSettings,
  type RunProgress,
  type RunReport,
  type RunSummary,
  type StreamMessage,
  type StreamName,
} from '../preload/contract.ts';
import { exportComparison } from './comparison-export.ts';
import { dependencyHandlers } from './dependency-calls.ts';
import { pickFolder, pickText } from './dialogs.ts';
import { generationHandlers } from './generation-calls.ts';
import { EngineError } from './engine/errors.ts';
import { taskIds } from './engine/evaluate/tasks/index.ts';
import { families } from './engine/families/index.ts';
import type { ModelCosts } from './engine/prune/plan.ts';
import { defaultWindow } from './engine/prune/windows.ts';
import { modelTargets } from './engine/recovery.ts';
import { runFiles } from './engine/run.ts';
import { pageUrl } from './protocol.ts';
import type { TrainingCurves } from '../preload/recovery-contract.ts';
import type { Granted } from './studio/grants.ts';
import type { LibraryModel } from './studio/model-library.ts';
import { defaultCriterion } from './studio/prune-recipe.ts';
import { formatRecipe, judgedBy, stagesOf } from './studio/recipe.ts';
import { Refusal } from './studio/refusal.ts';
import type { RunProgress as StudioProgress } from './studio/run-progress.ts';
import { recordsOf } from './studio/training-curve.ts';
import type { ListedRun, RunDetails, Studio } from './studio/studio.ts';
import type { StudioWindow } from './window.ts';
import type { wordsFor } from './words.ts';

/** The contract's types, as main gives them: what is read from memory is not for changing. */
type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

export type Handlers = {
  readonly [N in CallName]: (
    request: CallRequest<N>,
  ) => CallResponse<N> extends undefined
    ? Promise<void>
    : Frozen<CallResponse<N>> | Promise<Frozen<CallResponse<N>>>;
};

/** What the window's calls need beside the studio. */
export interface CallSurroundings {
  readonly studio: Studio;
  readonly window: StudioWindow;
  /** In the language of the settings. */
  readonly words: () => ReturnType<typeof wordsFor>;
  /** The language or the theme is another one now. */
  readonly settingsChanged: () => void;
  readonly warn: (message: string) => void;
}

/** Tests hold main to the contract, too; otherwise types have to do, since the scores of a model are a long list. */
const checksAnswers = process.env.STUDIO_CHECK_ANSWERS === '1';

/** Answers the window's calls; whoever else asks, or asks for anything else, is refused. */
export function serveCalls(surroundings: CallSurroundings): void {
  const handlers = handlersOf(surroundings);
  const answer = answering(surroundings.warn);
  ipcMain.handle(channels.call, (event, name: unknown, request: unknown) =>
    answer(async () => {
      requireOwnPage(event, surroundings.window);
      return respond(handlers, name, request);
    }),
  );
  ipcMain.handle(channels.dropped, (event, path: unknown) =>
    answer(async (): Promise<Picked> => {
      requireOwnPage(event, surroundings.window);
      if (typeof path !== 'string' || path === '') {
        throw new Refusal('file-not-granted', 'What was dropped is not a file.', 'Drop a file or a folder.');
      }
      return surroundings.studio.grants.grantFound(path);
    }),
  );
}

/** Sends a message of the contract's streams to the page, if there is one. */
export function tell<N extends StreamName>(
  window: StudioWindow,
  name: N,
  message: Frozen<StreamMessage<N>>,
): void {
  window.send(channels.stream, name, message);
}

/** A run as the window lists it. */
export function summaryOf(run: ListedRun): Frozen<RunSummary> {
  const { id, name, modelName, createdAt, state, queuePosition, held, cancelling } = run;
  const { recipe, report, perplexityProtocol, forecast, annotation, sizeBytes } = run;
  const { ratio, mode } = recipe.prune;
  return {
    id,
    name,
    modelName,
    createdAt,
    state,
    queuePosition,
    held,
    cancelling,
    criterion: judgedBy(recipe.prune),
    ratio: mode === 'none' ? 0 : ratio,
    stages: stagesOf(recipe),
    report: report && reportOf(report),
    perplexityProtocol,
    layers: forecast?.layers ?? [],
    annotation,
    sizeBytes,
  };
}

function handlersOf({ studio, window, words, settingsChanged }: CallSurroundings): Handlers {
  return {
    'app:info': () => ({
      version: app.getVersion(),
      platform: process.platform,
      locale: systemLocale(),
      threads: availableParallelism(),
      totalMemoryBytes: totalmem(),
      runsFolder: studio.runsFolder,
      familyIds: families.map(({ id }) => id),
      taskIds: [...taskIds],
      electron: process.versions.electron,
    }),
    'device:find': async ({ device: wish }) => {
      const { device, why = null } = await studio.findDevice(wish);
      return { card: device.kind === 'webgpu' ? device.card : null, why };
    },
    'settings:get': () => studio.settings.value,
    'settings:set': async (changes) => {
      const settings = await studio.settings.change(changes);
      settingsChanged();
      tell(window, 'settings:changed', settings);
      return settings;
    },
    'model:pick': async () => {
      const path = await pickFolder(window.current, words().pickModel);
      return path === undefined ? null : studio.grants.grant(path, 'folder');
    },
    'model:demo': () => studio.models.demo(),
    'model:recent': () => studio.models.recentModels(),
    'model:inspect': async ({ modelId }) => {
      const model = await studio.models.inspect(modelId);
      return modelSummary(studio.grants.find(modelId, 'folder'), model);
    },
    'plan:preview': ({ modelId, prune, scoresOf = null }) => studio.plans.preview(modelId, prune, scoresOf),
    'tasks:pick': async () => {
      const path = await pickFolder(window.current, words().pickTaskData);
      return path === undefined ? null : studio.grants.grant(path, 'folder');
    },
    'text:pick': async () => {
      const path = await pickText(window.current, words());
      return path === undefined ? null : studio.grants.grant(path, 'file');
    },
    'text:demo': () => studio.demoTexts(),
    'text:preview': ({ modelId, calibration }) => studio.data.previewText(modelId, calibration),
    'text:measure': ({ modelId, evaluation }) => studio.data.measureText(modelId, evaluation),
    'recovery:preview': ({ modelId, recover }) => studio.data.previewTraining(modelId, recover),
    'recovery:estimate': ({ modelId, prune, recover }) =>
      studio.data.forecastTraining(modelId, prune, recover),
    'run:start': async (request) => ({ runId: await studio.startRun(request) }),
    'run:list': async () => (await studio.listRuns()).map(summaryOf),
    'run:get': async ({ runId }) => detailOf(await studio.runDetails(runId)),
    'run:calibration': ({ runId }) => studio.calibrationTexts(runId),
    'run:cancel': ({ runId }) => studio.cancelRun(runId),
    'run:kill': ({ runId }) => studio.killRun(runId),
    'run:resume': ({ runId }) => studio.resumeRun(runId),
    'run:delete': ({ runId }) => studio.deleteRun(runId),
    'run:deleted': () => studio.deletedRuns(),
    'run:restore': ({ runId }) => studio.restoreRun(runId),
    'run:purge': ({ runId }) => studio.purgeRun(runId),
    'run:annotate': ({ runId, ...change }) => studio.annotateRun(runId, change),
    'run:reorder': async ({ runIds }) => {
      studio.reorderRuns(runIds);
    },
    'run:release': async () => {
      studio.releaseRuns();
    },
    'compare:models': (request) => studio.comparisons.compare(request),
    'compare:export': async ({ format, language, ...request }) => {
      const comparison = await studio.comparisons.compare(request);
      const path = await exportComparison(comparison, format, language, window.current, words());
      return { path };
    },
    'run:open-folder': async ({ runId }) => {
      const problem = await shell.openPath(await studio.folderOf(runId));
      if (problem !== '') throw new Error(problem);
    },
    ...dependencyHandlers(studio),
    ...generationHandlers(studio),
  };
}

/** The language the system is set to, as BCP 47. */
export function systemLocale(): string {
  return app.getPreferredSystemLanguages()[0] ?? app.getLocale();
}

/** The main frame of the studio's own window, on its own page: no other frame, window or address. */
function requireOwnPage({ senderFrame }: IpcMainInvokeEvent, window: StudioWindow): void {
  const own = window.current?.webContents.mainFrame;
  if (senderFrame !== null && senderFrame === own && senderFrame.url === pageUrl) return;
  throw new Refusal('request-refused', 'Only the window of the studio may ask for this.');
}

async function respond(handlers: Handlers, name: unknown, request: unknown): Promise<unknown> {
  if (!isCallName(name)) throw new Refusal('request-invalid', 'There is no such call.');
  const checked = calls[name].request.safeParse(request);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    const key = issue.path.join('.') || 'the request';
    throw new Refusal('request-invalid', `${name}: ${key}: ${issue.message}`);
  }
  const handler = handlers[name] as (request: unknown) => unknown;
  const response = await handler(checked.data);
  return checksAnswers ? calls[name].response.parse(response) : response;
}

function isCallName(name: unknown): name is CallName {
  return typeof name === 'string' && Object.hasOwn(calls, name);
}

/** An error is an answer too; one of the program itself is told in the log, with its place. */
function answering(warn: (message: string) => void) {
  return async <T>(ask: () => Promise<T>): Promise<Answer<T>> => {
    try {
      return { ok: true, value: await ask() };
    } catch (error) {
      if (error instanceof EngineError || error instanceof Refusal) {
        const { code, message, hint } = error;
        return { ok: false, error: { code, message, ...(hint !== undefined && { hint }) } };
      }
      warn(error instanceof Error ? (error.stack ?? error.message) : String(error));
      const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
      const message = `The studio met an error of its own: ${reason}`;
      return { ok: false, error: { code: 'studio-failed', message, hint: 'studio.log says where it was.' } };
    }
  };
}

function modelSummary(picked: Granted, model: LibraryModel): Frozen<CallResponse<'model:inspect'>> {
  const { config, family, hasWeights, weightFormat, hasTokenizer } = model;
  const { hiddenSize, headDim, vocabSize, tiedEmbeddings, layers } = config;
  return {
    model: picked,
    family: family.id,
    hasWeights,
    weightFormat,
    hasTokenizer,
    costs: model.costsWith(config),
    hiddenSize,
    headDim,
    vocabSize,
    tiedEmbeddings,
    layers,
    defaultWindow: defaultWindow(layers.length),
    // Choices share what they begin with, but a prefix sees what follows in it.
    takesTasks: family.readsTokens !== true,
    defaultCriterion: defaultCriterion(family) as PruneSettings['criterion'],
    adapterTargets: modelTargets(model),
  };
}

function reportOf(report: NonNullable<ListedRun['report']>): Frozen<RunReport> {
  const { criterion, aggregation, windows, ratioInWindow, removedOfParameters, hiddenSize } = report;
  const { calibration, evaluation, before, after } = report;
  const { recovery = null, performance = null, cost = null } = report;
  return {
    criterion,
    aggregation,
    windows,
    ratioInWindow,
    removedOfParameters,
    ...(hiddenSize && { hiddenSize }),
    calibration,
    evaluation,
    before,
    after,
    recovery,
    performance,
    cost,
  };
}

/** Without the curves, which are asked for: a message a step is to be small. */
export function shownProgress(progress: StudioProgress): Frozen<RunProgress> {
  const { preparation, stage, fraction, timeLeftMs, startedAt, endedAt } = progress;
  const { metrics, training, memoryBytes, peakMemoryBytes, log, error } = progress;
  return {
    preparation,
    stage,
    fraction,
    timeLeftMs,
    startedAt,
    endedAt,
    metrics,
    training,
    memoryBytes,
    peakMemoryBytes,
    log,
    error,
  };
}

function curvesOf({ curves }: StudioProgress): Frozen<TrainingCurves> {
  const curveOf = (stage: keyof TrainingCurves): Frozen<TrainingCurves[typeof stage]> => {
    const curve = curves[stage];
    if (curve === undefined) return null;
    return {
      steps: curve.steps,
      points: recordsOf(curve.points),
      validations: recordsOf(curve.validations),
    };
  };
  return { recover: curveOf('recover'), 'recover-control': curveOf('recover-control') };
}

function detailOf(details: RunDetails): Frozen<CallResponse<'run:get'>> {
  const { run, progress, scores, hidden, kept, modelId, settings, texts } = details;
  return {
    run: summaryOf(run),
    recipe: formatRecipe(run.recipe),
    folder: run.folder,
    modelFolder: join(run.folder, runFiles.model),
    recoveredFolder: run.recipe.recover ? join(run.folder, runFiles.recovered) : null,
    progress: shownProgress(progress),
    scores,
    hidden,
    kept,
    planned: plannedOf(run),
    curves: curvesOf(progress),
    modelId,
    settings: { ...settings, prune: pruneSettingsOf(settings.prune) },
    texts,
  };
}

/** A stored recipe was held to the engine's own criteria, which the contract names one by one. */
function pruneSettingsOf(prune: RunDetails['settings']['prune']): Frozen<PruneSettings> {
  return { ...prune, criterion: prune.criterion as PruneSettings['criterion'] };
}

/** A finished run knows what it came to, which is what was planned, even where its forecast is lost. */
function plannedOf({ forecast, report }: ListedRun): Frozen<CallResponse<'run:get'>['planned']> {
  const planned = forecast ?? report;
  return planned && { before: costsOf(planned.before), after: costsOf(planned.after) };
}

function costsOf({ parameters, macs, weightBytes, memoryBytes }: ModelCosts): ModelCosts {
  return { parameters, macs, weightBytes, memoryBytes };
}
