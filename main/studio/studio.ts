import { basename, join } from 'node:path';
import { makeFolder } from '../engine/checkpoint/atomic-file.ts';
import type { SpawnWorker } from '../worker/channel.ts';
import { askedRecipe } from './asked-recipes.ts';
import { CompareService } from './compare/compare-service.ts';
import { perplexityProtocol, type PerplexityProtocol } from './compare/compared-run.ts';
import { chooseDevice, type DeviceChoice } from './choose-device.ts';
import { ContentHashes } from './content-hashes.ts';
import { DataLookouts } from './data-lookouts.ts';
import { DeferredPurges } from './deferred-purges.ts';
import { GenerationModels } from './generation-models.ts';
import { Generations, type GenerationNews } from './generations.ts';
import { FileGrants, type Granted } from './grants.ts';
import { isFolder } from './is-folder.ts';
import { ModelLibrary } from './model-library.ts';
import { PlanPreviews } from './plan-previews.ts';
import { prepareRunOf, requireRunnable } from './preview-plan.ts';
import { QueueFile } from './queue-file.ts';
import type { DeviceWish, Recipe } from './recipe.ts';
import { Refusal } from './refusal.ts';
import { readCalibrationTexts, type CalibrationTexts } from './run-calibration.ts';
import {
  channelImportance,
  RunChoices,
  type ChannelImportance,
  type KeptHeads,
  type LayerImportance,
} from './run-choices.ts';
import type { RunAnnotation } from './run-annotation.ts';
import { readProgress, RunLibrary, type ForgottenRun, type KeptRun } from './run-library.ts';
import { failureOf, type RunFailure, type RunProgress } from './run-progress.ts';
import { RunQueue } from './run-queue.ts';
import type { RunRequest } from './run-request.ts';
import { setupOf, type RunSetup } from './run-setup.ts';
import { RunStarter } from './run-starter.ts';
import { appendEvent, type RunState } from './run-store.ts';
import { SettingsStore } from './settings.ts';

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
  generationNews(news: GenerationNews): void;
  /** For the log of the program, not for a run's. */
  warn(message: string): void;
}

export interface ListedRun extends Omit<KeptRun, 'stored'> {
  readonly name: string;
  readonly perplexityProtocol: PerplexityProtocol | null;
  readonly modelName: string;
  readonly state: RunState | 'queued' | 'running';
  /** From 0, for a queued run. */
  readonly queuePosition: number | null;
  /** Queued, and waits for a person to let it start. */
  readonly held: boolean;
  /** Asked to stop, and still at work. */
  readonly cancelling: boolean;
  readonly recipe: Recipe;
  readonly folder: string;
}

export interface RunDetails extends RunSetup {
  readonly run: ListedRun;
  readonly progress: RunProgress;
  readonly scores: readonly LayerImportance[];
  /** Of hidden indices, where a run has chosen among them. */
  readonly hidden: ChannelImportance | null;
  readonly kept: KeptHeads | null;
}

/** A layer that computes for long still ends in time; a person who quits does not wait for more. */
const quitPatienceMs = 5000;

/** The studio behind a window: it lives as long as the program, while windows come and go. */
export class Studio {
  private readonly queue: RunQueue;
  private readonly starter: RunStarter;
  /** Texts, and trainings on them, as a run would have them. */
  readonly data: DataLookouts;
  readonly generations: Generations;
  readonly generationModels: GenerationModels;
  private readonly choices = new RunChoices();
  readonly plans: PlanPreviews;
  readonly comparisons: CompareService;
  /** Why runs could not be started, or not be written any more: their folders do not tell of it. */
  private readonly failures = new Map<string, RunFailure>();
  private readonly purges: DeferredPurges;
  /** A card is tested once for each wish: it stays what it is while the program lives. */
  private readonly devices = new Map<DeviceWish, Promise<DeviceChoice>>();

  private constructor(
    private readonly place: StudioPlace,
    private readonly listener: StudioListener,
    readonly grants: FileGrants,
    readonly settings: SettingsStore,
    readonly models: ModelLibrary,
    private readonly runs: RunLibrary,
    hashes: ContentHashes,
    private readonly queueFile: QueueFile,
  ) {
    this.data = new DataLookouts(place.spawn, models, grants, () => this.findDevice(settings.value.device));
    this.purges = new DeferredPurges(
      (runId) => this.purgeRun(runId),
      (message) => {
        listener.warn(message);
      },
    );
    this.plans = new PlanPreviews(models, runs, this.choices);
    this.comparisons = new CompareService(runs, models, grants);
    this.generationModels = new GenerationModels(grants, models, runs);
    this.generations = new Generations(place.spawn, (news) => {
      listener.generationNews(news);
    });
    this.starter = new RunStarter(runs, hashes, place.spawn, (runId) => {
      this.enqueue(runId);
    });
    this.queue = new RunQueue(
      (runId, watch) => this.starter.open(runId, watch),
      (runId) => this.recordCancelled(runId),
      {
        progress: (runId, progress) => {
          listener.runProgress(runId, progress);
        },
        changed: () => {
          queueFile.keep(this.queue.queued);
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
    await runs.endInterrupted();
    const studio = new Studio(
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
      await ContentHashes.open(join(place.dataFolder, 'content-hashes.json'), place.spawn, warn),
      await QueueFile.open(join(place.dataFolder, 'queue.json'), warn),
    );
    await studio.holdQueued();
    for (const { id } of await runs.deleted()) studio.purges.add(id);
    return studio;
  }

  get runsFolder(): string {
    return this.runs.folder;
  }

  /** Whether a run is at work or waits for its turn. */
  get isBusy(): boolean {
    return !this.queue.isIdle;
  }

  demoTexts(): Readonly<Record<'calibration' | 'evaluation' | 'recovery', Granted>> {
    const grant = (name: string): Granted => this.grants.grant(join(this.place.demoFolder, name), 'file');
    return {
      calibration: grant('calibration.jsonl'),
      evaluation: grant('heldout.txt'),
      recovery: grant('recovery.txt'),
    };
  }

  /**
   * Queues a run. The same work is never done twice: what was finished before is only named, what was interrupted
   * goes on. Where model or data were not read before, that is found out when the run's turn comes.
   */
  async startRun(request: RunRequest): Promise<string> {
    const model = await this.models.inspect(request.modelId);
    const recipe = askedRecipe(request, model, this.grants, this.settings.value.device);
    await requireRunnable(prepareRunOf(model, recipe));
    const { device, message } = await this.findDevice(recipe.device);
    if (message !== undefined) this.listener.warn(message);
    const prepared = prepareRunOf(model, recipe, device);
    const identity = await this.starter.knownIdentity(prepared.settings);
    const made = await this.runs.make(prepared, recipe, this.models.nameOf(model.folder), identity);
    if (made.stored.state !== 'finished') this.enqueue(made.id);
    this.listener.runsChanged();
    return made.id;
  }

  /**
   * What a wish for a device comes to on this machine.
   * @throws EngineError device-unavailable where a card is asked for and none is fit; asked again, it is tested again.
   */
  findDevice(wish: DeviceWish): Promise<DeviceChoice> {
    const known = this.devices.get(wish);
    if (known) return known;
    const found = chooseDevice(wish, this.place.spawn);
    this.devices.set(wish, found);
    found.catch(() => this.devices.delete(wish));
    return found;
  }

  /** @throws Refusal run-state for a run that is finished. */
  async resumeRun(runId: string): Promise<void> {
    const { id, stored } = await this.runs.find(runId);
    if (stored.state === 'finished') throw new Refusal('run-state', 'This run is finished.');
    this.enqueue(id);
  }

  /** Takes a queued run out of the line, or asks the one at work to stop at the next layer. */
  async cancelRun(runId: string): Promise<void> {
    const { id } = await this.runs.find(runId);
    if (this.queue.remove(id)) {
      await this.recordCancelled(id);
      this.listener.runsChanged();
    } else this.queue.cancel(id);
  }

  async killRun(runId: string): Promise<void> {
    this.queue.kill((await this.runs.find(runId)).id);
  }

  /** @throws Refusal run-state for the run at work. */
  async deleteRun(runId: string): Promise<void> {
    const { id } = await this.runs.find(runId);
    if (this.queue.runningId === id) {
      throw new Refusal('run-state', 'This run is at work.', 'Cancel it first.');
    }
    this.queue.remove(id);
    await this.runs.delete(id);
    this.purges.add(id);
    this.listener.runsChanged();
  }

  /** Deleted runs that can still be brought back. */
  deletedRuns(): Promise<ForgottenRun[]> {
    return this.runs.deleted();
  }

  async restoreRun(runId: string): Promise<void> {
    await this.runs.restore(runId);
    this.purges.forget(runId);
    this.listener.runsChanged();
  }

  /** Removes a deleted run for good. */
  async purgeRun(runId: string): Promise<void> {
    this.purges.forget(runId);
    await this.runs.purge(runId);
    this.listener.runsChanged();
  }

  async annotateRun(runId: string, change: Partial<RunAnnotation>): Promise<void> {
    await this.runs.annotate(runId, change);
    this.listener.runsChanged();
  }

  /** A studio that is left in good order leaves nothing deleted behind; one that is killed offers it again. */
  async purgeDeleted(): Promise<void> {
    for (const { id } of await this.runs.deleted()) await this.runs.purge(id);
  }

  /** Lets the runs start that were in line when the studio was last closed. */
  releaseRuns(): void {
    this.queue.release();
  }

  reorderRuns(runIds: readonly string[]): void {
    this.queue.reorder(runIds);
  }

  /** Newest first. */
  async listRuns(): Promise<ListedRun[]> {
    return (await this.runs.list()).map((run) => this.listed(run));
  }

  /** @throws Refusal run-unknown where somebody took the folder away; it is listed no more then. */
  async folderOf(runId: string): Promise<string> {
    const { folder } = (await this.runs.find(runId)).stored;
    if (await isFolder(folder)) return folder;
    this.listener.runsChanged();
    throw new Refusal(
      'run-unknown',
      `The folder of this run is gone: ${folder}`,
      'It was moved or deleted outside the studio.',
    );
  }

  async runDetails(runId: string): Promise<RunDetails> {
    const kept = await this.runs.find(runId);
    const { folder, settings } = kept.stored;
    const hidden = await this.choices.hiddenScores(folder, settings.prune.aggregation);
    return {
      run: this.listed(kept),
      progress: this.queue.progressOf(kept.id) ?? (await this.storedProgress(kept.id, folder)),
      scores: await this.choices.scores(folder),
      hidden: hidden && channelImportance(hidden),
      kept: await this.choices.kept(folder),
      ...(await setupOf(kept, this.grants, this.models)),
    };
  }

  /** What a run was calibrated on; null where it keeps nothing. */
  async calibrationTexts(runId: string): Promise<CalibrationTexts | null> {
    return readCalibrationTexts(await this.folderOf(runId));
  }

  /** Stops what is at work; whatever is not finished can be resumed. */
  async close(): Promise<void> {
    this.data.close();
    this.generations.close();
    await this.queue.close(quitPatienceMs);
  }

  /** Resolves when what is kept for the next start is on disk. */
  written(): Promise<void> {
    return this.queueFile.written();
  }

  /** What was in line when the studio was last closed waits for a person: work that nobody asked for today is unwelcome. */
  private async holdQueued(): Promise<void> {
    const runs = new Map((await this.runs.list()).map(({ id, stored }) => [id, stored]));
    this.queue.hold(this.queueFile.runIds.filter((id) => (runs.get(id)?.state ?? 'finished') !== 'finished'));
  }

  private listed({ stored, ...run }: KeptRun): ListedRun {
    const position = this.queue.queued.indexOf(run.id);
    const unqueued = this.failures.has(run.id) ? 'failed' : stored.state;
    const waiting = position < 0 ? unqueued : 'queued';
    return {
      ...run,
      name: basename(stored.folder),
      perplexityProtocol: run.report && perplexityProtocol(run.report, stored),
      modelName: this.models.nameOf(stored.settings.model),
      state: this.queue.runningId === run.id ? 'running' : waiting,
      queuePosition: position < 0 ? null : position,
      held: this.queue.isHeld(run.id),
      cancelling: this.queue.isCancelling(run.id),
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

  private async recordCancelled(runId: string): Promise<void> {
    await appendEvent(await this.folderOf(runId), { type: 'cancelled' });
    await this.runs.refresh(runId);
  }
}
