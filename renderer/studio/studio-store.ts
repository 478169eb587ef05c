import { createContext, use, useSyncExternalStore } from 'react';
import type {
  AppInfo,
  DeletedRun,
  RunProgress,
  RunSummary,
  Settings,
  StudioBridge,
  StudioError,
} from '../../preload/contract.ts';
import { call, errorOf } from './bridge.ts';
import type { TrainingNow } from '../../preload/recovery-contract.ts';
import { advanced } from './progress.ts';
import { afterStep } from './training-curve.ts';

export interface StudioState {
  readonly info: AppInfo | null;
  readonly settings: Settings;
  /** null until main has told. */
  readonly runs: readonly RunSummary[] | null;
  /** Runs that can be brought back. */
  readonly deleted: readonly DeletedRun[];
  /** What runs said while this window listened, by run. */
  readonly progress: Readonly<Record<string, RunProgress>>;
  /** The steps of trainings that this window heard of lately, by run. */
  readonly heardSteps: Readonly<Record<string, readonly TrainingNow[]>>;
  /** Numbers in full or short, the same on every screen. */
  readonly exactNumbers: boolean;
  readonly failure: StudioError | null;
}

/** What the window knows of the studio; main's streams keep it true. */
export class StudioStore {
  private state: StudioState = {
    info: null,
    settings: { language: 'system', theme: 'system', device: 'auto' },
    runs: null,
    deleted: [],
    progress: {},
    heardSteps: {},
    exactNumbers: false,
    failure: null,
  };
  private readonly listeners = new Set<() => void>();
  /** Resolved when main has told settings and runs, or failed to. */
  refreshed: Promise<void> = Promise.resolve();

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getState = (): StudioState => this.state;

  /** Listens first and asks then, so that nothing falls in between. @returns how to stop listening. */
  connect(bridge: StudioBridge): () => void {
    const stops = [
      bridge.listen('run:progress', ({ runId, progress }) => this.tellProgress(runId, progress)),
      bridge.listen('run:changed', ({ runs, deleted }) => this.update({ runs, deleted })),
      bridge.listen('settings:changed', (settings) => this.update({ settings })),
    ];
    this.refreshed = this.refresh();
    return () => stops.forEach((stop) => stop());
  }

  private async refresh(): Promise<void> {
    try {
      const [info, settings] = await Promise.all([
        call('app:info', undefined),
        call('settings:get', undefined),
      ]);
      const deleted = await call('run:deleted', undefined);
      this.update({ info, settings, deleted, runs: await call('run:list', undefined), failure: null });
    } catch (thrown) {
      this.update({ failure: errorOf(thrown) });
    }
  }

  async changeSettings(settings: Partial<Settings>): Promise<void> {
    const before = this.state.settings;
    this.update({ settings: { ...before, ...settings } });
    try {
      this.update({ settings: await call('settings:set', settings) });
    } catch (thrown) {
      this.update({ settings: before, failure: errorOf(thrown) });
    }
  }

  tellProgress(runId: string, progress: RunProgress): void {
    const { progress: known, heardSteps } = this.state;
    this.update({
      progress: { ...known, [runId]: advanced(known[runId], progress) },
      heardSteps: { ...heardSteps, [runId]: afterStep(heardSteps[runId] ?? [], progress) },
    });
  }

  toggleExactNumbers(): void {
    this.update({ exactNumbers: !this.state.exactNumbers });
  }

  tellFailure(failure: StudioError | null): void {
    this.update({ failure });
  }

  private update(change: Partial<StudioState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  }
}

export const StudioContext = createContext<StudioStore>(new StudioStore());

export function useStudioStore(): StudioStore {
  return use(StudioContext);
}

/** A part of the state; `select` must give back the same object while that part is the same. */
export function useStudio<T>(select: (state: StudioState) => T): T {
  const store = useStudioStore();
  const read = (): T => select(store.getState());
  return useSyncExternalStore(store.subscribe, read, read);
}
