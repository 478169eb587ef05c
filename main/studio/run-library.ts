import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { makeFolder, writeFileAtomic } from '../engine/checkpoint/atomic-file.ts';
import { errnoOf, readError } from '../engine/checkpoint/file-errors.ts';
import { readJsonFile } from '../engine/checkpoint/read-json.ts';
import { layerLeftBy, type PrunePlan } from '../engine/prune/plan.ts';
import { runFiles, type RunReport, type RunSettings } from '../engine/run.ts';
import { sizeBelow } from './folder-size.ts';
import { prepareRun, type PlanPreview, type PreparedRun } from './preview-plan.ts';
import type { Recipe } from './recipe.ts';
import { Refusal } from './refusal.ts';
import { changeAnnotation, readAnnotation, type RunAnnotation } from './run-annotation.ts';
import type { RunIdentity } from './run-identity.ts';
import { progressIn, type RunProgress } from './run-progress.ts';
import { createdAtMs, createRun, openRun, readReport, type StoredRun } from './run-store.ts';
import { entriesOf, RunTrash, type DeletedRun } from './run-trash.ts';

/** What a run was to come to, as its plan said when it was made. */
export type RunForecast = Pick<PlanPreview, 'before' | 'after' | 'layers'> &
  Partial<Pick<PlanPreview, 'awaitsScores'>>;

/** A run's folder, as a list shows it. */
export interface KeptRun {
  readonly id: string;
  readonly stored: StoredRun;
  readonly createdAt: string;
  /** null until it is finished; there too where a model that it wrote was removed. */
  readonly report: RunReport | null;
  /** null where nobody knows any more: a run of the command line whose model is gone. */
  readonly forecast: RunForecast | null;
  readonly annotation: RunAnnotation;
  readonly sizeBytes: number;
}

/** A deleted run by the id that it had, and will have when it is brought back. */
export interface ForgottenRun extends DeletedRun {
  readonly id: string;
}

/** The forecast is known when a run is made; the model may be gone when the run is looked at. */
const forecastFile = 'forecast.json';
const layerShape = z.object({ heads: z.int(), kvHeads: z.int(), mlpWidth: z.int() });
const costs = z.object({
  parameters: z.number(),
  macs: z.number(),
  weightBytes: z.number(),
  memoryBytes: z.number(),
});
const forecastSchema = z.object({
  before: costs,
  after: costs,
  layers: z.array(z.object({ before: layerShape, after: layerShape })),
  /** Left out by runs from before there was a choice over layers. */
  awaitsScores: z.boolean().optional(),
});

/** A plan has a number a head and a channel that stays. */
const maxPlanBytes = 64 * 2 ** 20;

/** A forecast has a line a layer. */
const maxFileBytes = 2 ** 20;

/** The runs in the studio's folder. */
export class RunLibrary {
  private readonly kept = new Map<string, KeptRun>();
  private readonly mergedInto = new Map<string, string>();
  private making: Promise<unknown> = Promise.resolve();
  private readonly trash: RunTrash;

  constructor(
    readonly folder: string,
    private readonly warn: (message: string) => void,
  ) {
    this.trash = new RunTrash(folder);
  }

  /** Reads what was not read before: runs come and go while nobody looks. Newest first. */
  async list(): Promise<KeptRun[]> {
    const names = await this.names();
    const there = new Set(names.map(runIdOf));
    for (const id of this.kept.keys()) if (!there.has(id)) this.kept.delete(id);
    for (const name of names) {
      if (!this.kept.has(runIdOf(name))) await this.keep(name);
    }
    return [...this.kept.values()].sort((a, b) => b.createdAt.localeCompare(a.createdAt));
  }

  /**
   * The run with this id, or the one that it was merged into.
   * @throws Refusal run-unknown.
   */
  async find(asked: string): Promise<KeptRun> {
    const id = this.mergedInto.get(asked) ?? asked;
    const known = this.kept.get(id) ?? (await this.list()).find((run) => run.id === id);
    if (known !== undefined) return known;
    throw new Refusal('run-unknown', 'There is no run with this id.', 'It may have been deleted.');
  }

  /** Reads a run's folder again: it has moved on. */
  async refresh(id: string): Promise<KeptRun> {
    const { stored } = await this.find(id);
    this.kept.delete(id);
    await this.keep(basename(stored.folder));
    return this.find(id);
  }

  /**
   * The run of what was prepared: a new folder, or the one that this very work has already. While it is not known what
   * model and data hold (`identity` is null), the same work is what has the same settings and has not begun.
   */
  make(
    prepared: PreparedRun,
    recipe: Recipe,
    modelName: string,
    identity: RunIdentity | null,
  ): Promise<KeptRun> {
    // One after the other: two requests for the same work make one run.
    const made = this.making.then(async () => {
      const known = await this.list();
      return (
        known.find(({ stored }) => stored.identity !== null && stored.identity.hash === identity?.hash) ??
        known.find(({ stored }) => isSameRequest(stored, prepared.settings)) ??
        this.create(prepared, recipe, modelName, identity)
      );
    });
    this.making = made.catch(() => undefined);
    return made;
  }

  /** Another run of the same identity: what this one would come to, it comes to or has come to already. */
  async twinOf(id: string, { hash }: RunIdentity): Promise<KeptRun | undefined> {
    return (await this.list()).find((run) => run.id !== id && run.stored.identity?.hash === hash);
  }

  /** Removes a run whose work is done as another one; whoever asks for it from now on is told of that one. */
  async merge(id: string, into: string): Promise<void> {
    await this.delete(id);
    await this.purge(id);
    this.mergedInto.set(id, into);
  }

  /** Writes what a person says about a run. @throws EngineError folder-not-writable, disk-full. */
  async annotate(id: string, change: Partial<RunAnnotation>): Promise<void> {
    const { id: found, stored } = await this.find(id);
    await changeAnnotation(stored.folder, change, this.warn);
    await this.refresh(found);
  }

  /** Takes a run out of the list; it can be brought back until it is purged. */
  async delete(id: string): Promise<void> {
    const { stored } = await this.find(id);
    await this.trash.put(stored.folder);
    this.kept.delete(id);
  }

  /** The runs that can be brought back. */
  async deleted(): Promise<ForgottenRun[]> {
    return (await this.trash.list()).map((run) => ({ ...run, id: runIdOf(run.name) }));
  }

  /** @throws Refusal run-unknown where it was purged, or never deleted. */
  async restore(id: string): Promise<void> {
    await this.trash.restore((await this.findDeleted(id)).name);
  }

  /** Removes a deleted run for good. @throws Refusal run-unknown where there is none with this id. */
  async purge(id: string): Promise<void> {
    await this.trash.purge((await this.findDeleted(id)).name);
  }

  /** Ends what a killed studio was removing. */
  async endInterrupted(): Promise<void> {
    await this.trash.endInterrupted();
  }

  private async findDeleted(id: string): Promise<ForgottenRun> {
    const found = (await this.deleted()).find((run) => run.id === id);
    if (found !== undefined) return found;
    throw new Refusal('run-unknown', 'There is no deleted run with this id.', 'It is gone for good.');
  }

  private async create(
    { settings, preview }: PreparedRun,
    recipe: Recipe,
    modelName: string,
    identity: RunIdentity | null,
  ): Promise<KeptRun> {
    const { criterion, ratio } = settings.prune;
    // Drawn, since what the run is made from may not be known yet; its identity is in settings.json.
    const name = `${modelName}-${criterion}-${ratio}-${randomBytes(4).toString('hex')}`;
    const { folder } = await createRun(join(this.folder, name), recipe, settings, identity);
    const { before, after, layers, awaitsScores } = preview;
    const forecast: RunForecast = { before, after, layers, ...(awaitsScores && { awaitsScores }) };
    await writeFileAtomic(join(folder, forecastFile), `${JSON.stringify(forecast)}\n`);
    return this.refresh(runIdOf(name));
  }

  private async names(): Promise<string[]> {
    await makeFolder(this.folder);
    const names = await entriesOf(this.folder);
    return names.filter((name) => !name.startsWith('.'));
  }

  private async keep(name: string): Promise<void> {
    const folder = join(this.folder, name);
    try {
      const run = await readRun(folder, this.warn);
      this.kept.set(run.id, run);
    } catch (error) {
      // One folder that holds no run, or a damaged one, does not hide the others.
      this.warn(`${folder} is not shown: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

/** Whether the run will be this very work, by what model and data hold when its turn comes. */
function isSameRequest({ identity, settings }: StoredRun, asked: RunSettings): boolean {
  return identity === null && isDeepStrictEqual(settings, asked);
}

/** Ids are short and tell no path. */
function runIdOf(folderName: string): string {
  return createHash('sha256').update(folderName).digest('hex').slice(0, 16);
}

async function readRun(folder: string, warn: (message: string) => void): Promise<KeptRun> {
  const stored = await openRun(folder);
  return {
    id: runIdOf(basename(folder)),
    stored,
    createdAt: new Date(await createdAtMs(folder)).toISOString(),
    report: stored.isReported ? await readReport(folder) : null,
    forecast: await chosenWidths(stored, await forecastOf(stored)),
    annotation: await readAnnotation(folder, warn),
    sizeBytes: await sizeBelow(folder),
  };
}

/** A run of the command line has no forecast.json: its model is asked, if it is still there. */
async function forecastOf({ folder, recipe }: StoredRun): Promise<RunForecast | null> {
  try {
    return forecastSchema.parse(await readJsonFile(join(folder, forecastFile), { maxBytes: maxFileBytes }));
  } catch {
    return prepareRun(recipe).then(
      ({ preview }) => preview,
      () => null,
    );
  }
}

/** Where scores decided which layers have which widths, the plan that was chosen knows better. */
async function chosenWidths(
  { folder }: StoredRun,
  forecast: RunForecast | null,
): Promise<RunForecast | null> {
  if (forecast?.awaitsScores !== true) return forecast;
  const plan = (await readJsonFile(join(folder, runFiles.plan), { maxBytes: maxPlanBytes }).catch(
    () => null,
  )) as PrunePlan | null;
  if (plan === null) return forecast;
  const layers = forecast.layers.map(({ before }, i) => ({ before, after: layerLeftBy(plan, i) }));
  return { ...forecast, layers };
}

/** What a run's folder says of its progress. */
export async function readProgress(folder: string): Promise<RunProgress> {
  return progressIn(folder, await readLog(folder));
}

async function readLog(folder: string): Promise<string[]> {
  const path = join(folder, 'log.txt');
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return '';
    throw readError(error, path);
  });
  return text.split('\n').filter((line) => line !== '');
}
