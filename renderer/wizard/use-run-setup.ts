import { useMemo } from 'react';
import type { PruneSettings, RunDetail } from '../../preload/contract.ts';
import { call, errorOf } from '../studio/bridge.ts';
import { go, type DraftStep } from '../studio/route.ts';
import { useStudioStore } from '../studio/studio-store.ts';
import { useDraft } from './draft-store.tsx';

/**
 * Shows a run's own settings in a step of the wizard: those of the run itself, or for a new run that begins with them,
 * or with another plan.
 */
export type OpenRunSetup = (step: DraftStep, of: 'this-run' | 'new-run', plan?: PruneSettings) => void;

/** null while nothing is known of the run, and where its model is gone. */
export function useRunSetup(detail: RunDetail | null): OpenRunSetup | null {
  const { dispatch } = useDraft();
  const store = useStudioStore();
  return useMemo(() => {
    if (detail === null || detail.modelId === null) return null;
    const { modelId, run, settings, texts } = detail;
    const open = async (step: DraftStep, runId: string | null, prune: PruneSettings): Promise<void> => {
      try {
        const model = await call('model:inspect', { modelId });
        const setup = { settings: { ...settings, prune }, texts };
        dispatch({ type: 'run-opened', model, setup, runId, scoresOf: run.id });
        go({ screen: 'new', step });
      } catch (thrown) {
        store.tellFailure(errorOf(thrown));
      }
    };
    return (step, of, plan = settings.prune) => void open(step, of === 'this-run' ? run.id : null, plan);
  }, [detail, dispatch, store]);
}
