import { statfs } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { makeFolder } from '../engine/checkpoint/atomic-file.ts';
import type { ComputeDevice } from '../engine/runtime/device.ts';
import type { SpawnWorker } from '../worker/channel.ts';
import type { TextMeasure, TextPreview } from '../worker/messages.ts';
import { chooseDevice, deviceNow, type DeviceChoice } from './choose-device.ts';
import { conductRun, type ConductedRun } from './conduct-run.ts';
import { FileGrants, type Granted } from './grants.ts';
import type { InspectedModel } from './inspect-model.ts';
import { ModelLibrary } from './model-library.ts';
import { prepareRunOf, requireRunnable, type PlanPreview } from './preview-plan.ts';
import { checkRecipe, type Recipe } from './recipe.ts';
import { Refusal } from './refusal.ts';
import {
  readKept,
  readProgress,
  readScores,
  RunLibrary,
  type KeptRun,
  type KeptUnits,
} from './run-library.ts';
import { requireUnchanged } from './run-identity.ts';
import { lockRun } from './run-lock.ts';
import { failureOf, type RunFailure, type RunProgress } from './run-progress.ts';
import { RunQueue, type OpenedRun, type RunHearing } from './run-queue.ts';
import { appendEvent, openRun, type RunState, type StoredRun } from './run-store.ts';
import { SettingsStore } from './settings.ts';
import { TextPreviews } from './text-previews.ts';

/** Where the studio keeps what it keeps, and how it starts workers. */
export interface StudioPlace {
  /** Settings, recent models and runs. */
  readonly dataFolder: string;
  /** The demo that the studio brings: model/, calibration.jsonl, heldout.txt. */
  readonly demoFolder: string;
  readonly spawn: SpawnWorker;
}

/** What the studio says without being asked. */
export interface StudioListener {
  runProgress(runId: string, progress: RunProgress): void;
  runsChanged(): void;
  /** For the log of the program, not for a run's. */
  warn(message: string): void;
}

/** What a person asks a run for, in the ids of what they picked. */
export interface RunRequest {
  readonly modelId: string;
  readonly prune: PruneRequest;
  readonly calibration: CalibrationRequest;
  readonly evaluate: EvaluationRequest;
}

export type PruneRequest = Pick<
  Recipe['prune'],
  'criterion' | 'aggregation' | 'ratio' | 'gqaFold' | 'layers' | 'seed'
>;

export interface CalibrationRequest {
  readonly sourceId: string | null;
  readonly samples: number | null;
  readonly seqLen: number;
  readonly seed: number;
}

export interface EvaluationRequest {
  readonly textId: string | null;
  readonly seqLen: number;
  readonly samples: number | null;
}

export interface ListedRun extends Omit<KeptRun, 'stored'> {
  readonly name: string;
  readonly modelName: string;
  readonly state: RunState | 'queued' | 'running';
  /** From 0, for a queued run. */
  readonly queuePosition: number | null;
  readonly recipe: Recipe;
  readonly folder: string;
}

export interface RunDetails {
  readonly run: ListedRun;
  readonly progress: RunProgress;
  readonly scores: Awaited<ReturnType<typeof readScores>>;
  readonly kept: readonly KeptUnits[] | null;
}

/** What a plan asks of this machine. */
export interface RunNeeds {
  readonly memoryBudgetBytes: number;
  readonly diskBytes: number;
  readonly freeDiskBytes: number;
}

/** A layer that computes for long still ends in time; a person who quits does not wait for more. */
const quitPatienceMs = 5000;

/** The studio behind a window: it lives as long as the program, while windows come and go. */
export class Studio {
  private readonly queue: RunQueue;
  private readonly texts: TextPreviews;
  /** Why runs could not be started, or not be written any more: their folders do not tell of it. */
  private readonly failures = new Map<string, RunFailure>();
  private autoDevice: Promise<DeviceChoice> | undefined;

  private constructor(
    private readonly place: StudioPlace,
    private readonly listener: StudioListener,
    readonly grants: FileGrants,
    readonly settings: SettingsStore,
    readonly models: ModelLibrary,
    private readonly runs: RunLibrary,
  ) {
    this.texts = new TextPreviews(place.spawn);
    this.queue = new RunQueue(
      (runId) => this.openRun(runId),
      (runId) => this.recordCancelled(runId),
      {
        progress: (runId, progress) => {
          listener.runProgress(runId, progress);
        },
        changed: () => {
          listener.runsChanged();
        },
        failed: (runId, error) => {
          const failure = failureOf(error);
          this.failures.set(runId, failure);
          listener.warn(`The run ${runId} could not be carried out: ${failure.message}`);
        },
      },
    );
  }

  static async open(place: StudioPlace, listener: StudioListener): Promise<Studio> {
    const warn = (message: string): void => {
      listener.warn(message);
    };
    await makeFolder(place.dataFolder);
    const grants = new FileGrants();
    const runs = new RunLibrary(join(place.dataFolder, 'runs'), warn);
    await runs.removeDeleted();
    return new Studio(
      place,
      listener,
      grants,
      await SettingsStore.open(join(place.dataFolder, 'settings.json'), warn),
      await ModelLibrary.open(
        grants,
        join(place.demoFolder, 'model'),
        join(place.dataFolder, 'recent-models.json'),
        warn,
      ),
      runs,
    );
  }

  get runsFolder(): string {
    return this.runs.folder;
  }

  /** Whether a run is at work or waits for its turn. */
  get isBusy(): boolean {
    return !this.queue.isIdle;
  }

  demoTexts(): { readonly calibration: Granted; readonly evaluation: Granted } {
    const grant = (name: string): Granted => this.grants.grant(join(this.place.demoFolder, name), 'file');
    return { calibration: grant('calibration.jsonl'), evaluation: grant('heldout.txt') };
  }

  async previewPlan(modelId: string, prune: PruneRequest): Promise<PlanPreview & RunNeeds> {
    const model = await this.models.known(modelId);
    const recipe = checkRecipe({ model: model.folder, prune }, 'The plan');
    const { preview, settings } = prepareRunOf(model, recipe);
    await makeFolder(this.runs.folder);
    const { bavail, bsize } = await statfs(this.runs.folder);
    return {
      ...preview,
      memoryBudgetBytes: settings.memory.budgetBytes,
      diskBytes: preview.after.weightBytes,
      freeDiskBytes: bavail * bsize,
    };
  }

  async previewText(modelId: string, calibration: CalibrationRequest): Promise<TextPreview> {
    const { sourceId, ...sampling } = calibration;
    return this.texts.look({
      kind: 'preview-text',
      model: this.grants.pathOf(modelId, 'folder'),
      source: this.grants.pathOf(requireText(sourceId), 'file'),
      sampling,
    });
  }

  async measureText(modelId: string, { textId, ...rest }: EvaluationRequest): Promise<TextMeasure> {
    return this.texts.look({
      kind: 'measure-text',
      model: this.grants.pathOf(modelId, 'folder'),
      text: this.grants.pathOf(requireText(textId), 'file'),
      ...rest,
    });
  }

  /**
   * Queues a run. The same work is never done twice: what was finished before is only named, what was interrupted
   * goes on.
   */
  async startRun(request: RunRequest): Promise<string> {
    const model = await this.models.inspect(request.modelId);
    const recipe = this.recipeOf(request, model);
    await requireRunnable(prepareRunOf(model, recipe));
    const { device, message } = await this.deviceFor(recipe);
    if (message !== undefined) this.listener.warn(message);
    const prepared = prepareRunOf(model, recipe, device);
    const made = await this.runs.make(prepared, recipe, this.models.nameOf(model.folder));
    if (made.stored.state !== 'finished') this.enqueue(made.id);
    this.listener.runsChanged();
    return made.id;
  }

  /** A card is tested once: it stays what it is while the program lives. */
  private deviceFor({ device }: Recipe): Promise<DeviceChoice> {
    if (device !== 'auto') return chooseDevice(device, this.place.spawn);
    return (this.autoDevice ??= chooseDevice(device, this.place.spawn));
  }

  /** @throws Refusal run-state for a run that is finished. */
  async resumeRun(runId: string): Promise<void> {
    const { stored } = await this.runs.find(runId);
    if (stored.state === 'finished') throw new Refusal('run-state', 'This run is finished.');
    this.enqueue(runId);
  }

  /** Takes a queued run out of the line, or asks the one at work to stop at the next layer. */
  async cancelRun(runId: string): Promise<void> {
    await this.runs.find(runId);
    if (this.queue.remove(runId)) {
      await this.recordCancelled(runId);
      this.listener.runsChanged();
    } else this.queue.cancel(runId);
  }

  async killRun(runId: string): Promise<void> {
    await this.runs.find(runId);
    this.queue.kill(runId);
  }

  /** @throws Refusal run-state for the run at work. */
  async deleteRun(runId: string): Promise<void> {
    await this.runs.find(runId);
    if (this.queue.runningId === runId) {
      throw new Refusal('run-state', 'This run is at work.', 'Cancel it first.');
    }
    this.queue.remove(runId);
    await this.runs.delete(runId);
    this.listener.runsChanged();
  }

  reorderRuns(runIds: readonly string[]): void {
    this.queue.reorder(runIds);
  }

  /** Newest first. */
  async listRuns(): Promise<ListedRun[]> {
    return (await this.runs.list()).map((run) => this.listed(run));
  }

  async folderOf(runId: string): Promise<string> {
    return (await this.runs.find(runId)).stored.folder;
  }

  async runDetails(runId: string): Promise<RunDetails> {
    const kept = await this.runs.find(runId);
    const { folder } = kept.stored;
    return {
      run: this.listed(kept),
      progress: this.queue.progressOf(runId) ?? (await this.storedProgress(runId, folder)),
      scores: await readScores(folder),
      kept: await readKept(folder),
    };
  }

  /** Stops what is at work; whatever is not finished can be resumed. */
  async close(): Promise<void> {
    this.texts.close();
    await this.queue.close(quitPatienceMs);
  }

  private recipeOf({ prune, calibration, evaluate }: RunRequest, model: InspectedModel): Recipe {
    const fileOf = (id: string | null): string | null => id && this.grants.pathOf(id, 'file');
    const { sourceId, ...sampling } = calibration;
    const { textId, ...chunks } = evaluate;
    return checkRecipe(
      {
        model: model.folder,
        prune,
        calibration: { source: fileOf(sourceId), ...sampling },
        evaluate: { text: fileOf(textId), ...chunks },
      },
      'The run',
    );
  }

  private listed({ stored, ...run }: KeptRun): ListedRun {
    const position = this.queue.queued.indexOf(run.id);
    const unqueued = this.failures.has(run.id) ? 'failed' : stored.state;
    const waiting = position < 0 ? unqueued : 'queued';
    return {
      ...run,
      name: basename(stored.folder),
      modelName: this.models.nameOf(stored.settings.model),
      state: this.queue.runningId === run.id ? 'running' : waiting,
      queuePosition: position < 0 ? null : position,
      recipe: stored.recipe,
      folder: stored.folder,
    };
  }

  private enqueue(runId: string): void {
    this.failures.delete(runId);
    this.queue.add(runId);
  }

  private async storedProgress(runId: string, folder: string): Promise<RunProgress> {
    const progress = await readProgress(folder);
    const error = this.failures.get(runId);
    return error === undefined ? progress : { ...progress, error };
  }

  /** @throws EngineError run-folder-occupied while another process works on it; run-folder-invalid where it has changed. */
  private async openRun(runId: string): Promise<OpenedRun> {
    const { folder } = (await this.runs.find(runId)).stored;
    const letGo = await lockRun(folder);
    try {
      const stored = await openRun(folder);
      // What was made a moment ago has just been read.
      const isNew = stored.lastStage === undefined;
      if (!isNew) await requireUnchanged(stored);
      const { device: began } = stored.settings;
      const device = isNew ? began : await deviceNow(began, this.place.spawn);
      return {
        progress: await readProgress(folder),
        start: (hearing) => this.conduct(runId, stored, device, hearing, letGo),
      };
    } catch (error) {
      await letGo();
      throw error;
    }
  }

  private conduct(
    runId: string,
    stored: StoredRun,
    device: ComputeDevice,
    { event, log, memory }: RunHearing,
    letGo: () => Promise<void>,
  ): ConductedRun {
    const { outcome, ...run } = conductRun(stored, event, {
      spawn: this.place.spawn,
      device,
      onLog: log,
      onMemory: memory,
    });
    const recorded = outcome.finally(async () => {
      await letGo();
      await this.runs.refresh(runId);
    });
    return { ...run, outcome: recorded };
  }

  private async recordCancelled(runId: string): Promise<void> {
    await appendEvent(await this.folderOf(runId), { type: 'cancelled' });
    await this.runs.refresh(runId);
  }
}

function requireText(id: string | null): string {
  if (id !== null) return id;
  throw new Refusal('request-invalid', 'No text was picked.', 'Pick a text or a JSONL file.');
}
