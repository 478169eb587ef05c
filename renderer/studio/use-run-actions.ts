import { useMemo } from 'react';
import type { RunAnnotation } from '../../preload/contract.ts';
import { call, errorOf } from './bridge.ts';
import { useStudioStore } from './studio-store.ts';

export interface RunActions {
  readonly cancel: (runId: string) => Promise<boolean>;
  readonly kill: (runId: string) => Promise<boolean>;
  readonly resume: (runId: string) => Promise<boolean>;
  /** Takes the run out of the list; `restore` brings it back, `purge` removes it for good. */
  readonly remove: (runId: string) => Promise<boolean>;
  readonly restore: (runId: string) => Promise<boolean>;
  readonly purge: (runId: string) => Promise<boolean>;
  readonly annotate: (runId: string, annotation: RunAnnotation) => Promise<boolean>;
  readonly openFolder: (runId: string) => Promise<boolean>;
  /** Lets the runs start that were in line when the studio was last closed. */
  readonly release: () => Promise<boolean>;
  readonly reorder: (runIds: string[]) => Promise<boolean>;
}

/** What a person can do with a run; each says whether main did it, and a failure is shown above the screen. */
export function useRunActions(): RunActions {
  const store = useStudioStore();
  return useMemo(() => {
    const tried = async (work: Promise<unknown>): Promise<boolean> => {
      try {
        await work;
        return true;
      } catch (thrown) {
        store.tellFailure(errorOf(thrown));
        return false;
      }
    };
    return {
      cancel: (runId) => tried(call('run:cancel', { runId })),
      kill: (runId) => tried(call('run:kill', { runId })),
      resume: (runId) => tried(call('run:resume', { runId })),
      remove: (runId) => tried(call('run:delete', { runId })),
      restore: (runId) => tried(call('run:restore', { runId })),
      purge: (runId) => tried(call('run:purge', { runId })),
      annotate: (runId, annotation) => tried(call('run:annotate', { runId, ...annotation })),
      openFolder: (runId) => tried(call('run:open-folder', { runId })),
      release: () => tried(call('run:release', undefined)),
      reorder: (runIds) => tried(call('run:reorder', { runIds })),
    };
  }, [store]);
}
