import { useState } from 'react';
import type { StudioError } from '../../preload/contract.ts';
import { call, errorOf } from '../studio/bridge.ts';
import { go } from '../studio/route.ts';
import { runSettingsOf } from './draft.ts';
import { useDraft } from './draft-store.tsx';

interface RunStart {
  readonly start: () => void;
  readonly isStarting: boolean;
  readonly failure: StudioError | null;
  readonly forgetFailure: () => void;
}

/** Makes the draft a run, and goes to it. */
export function useStartRun(): RunStart {
  const { draft, dispatch } = useDraft();
  const [isStarting, setStarting] = useState(false);
  const [failure, setFailure] = useState<StudioError | null>(null);
  const start = async (): Promise<void> => {
    setStarting(true);
    setFailure(null);
    try {
      const { runId } = await call('run:start', runSettingsOf(draft));
      dispatch({ type: 'started', runId });
      go({ screen: 'run', runId, view: 'progress' });
    } catch (thrown) {
      setFailure(errorOf(thrown));
    } finally {
      setStarting(false);
    }
  };
  return { start: () => void start(), isStarting, failure, forgetFailure: () => setFailure(null) };
}
