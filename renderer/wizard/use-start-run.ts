import { useState } from 'react';
import type { RunSettings, StudioError } from '../../preload/contract.ts';
import { call, errorOf } from '../studio/bridge.ts';
import { go } from '../studio/route.ts';
import { evaluationSettingsOf, runSettingsOf } from './draft.ts';
import { useDraft } from './draft-store.tsx';

interface RunStart {
  readonly start: () => void;
  /** Evaluates the model as it is: nothing is pruned. */
  readonly evaluate: () => void;
  readonly isStarting: boolean;
  readonly failure: StudioError | null;
  readonly forgetFailure: () => void;
}

/** Makes the draft a run, and goes to it. */
export function useStartRun(): RunStart {
  const { draft, dispatch } = useDraft();
  const [isStarting, setStarting] = useState(false);
  const [failure, setFailure] = useState<StudioError | null>(null);
  const startAs = async (settings: RunSettings): Promise<void> => {
    setStarting(true);
    setFailure(null);
    try {
      const { runId } = await call('run:start', settings);
      dispatch({ type: 'started', runId });
      go({ screen: 'run', runId, view: 'progress' });
    } catch (thrown) {
      setFailure(errorOf(thrown));
    } finally {
      setStarting(false);
    }
  };
  return {
    start: () => void startAs(runSettingsOf(draft)),
    evaluate: () => void startAs(evaluationSettingsOf(draft)),
    isStarting,
    failure,
    forgetFailure: () => setFailure(null),
  };
}
