import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { RunDetail, RunProgress, RunSummary, StudioError } from '../../preload/contract.ts';
import { call, errorOf } from './bridge.ts';
import { goInstead } from './route.ts';
import type { TrainingCurves, TrainingNow } from '../../preload/recovery-contract.ts';
import { useStudio, useStudioStore } from './studio-store.ts';
import { grownCurve } from './training-curve.ts';

export interface FollowedRun {
  readonly detail: RunDetail | null;
  readonly run: RunSummary | null;
  readonly progress: RunProgress | null;
  /** Its trainings so far, to the latest step heard of. */
  readonly curves: TrainingCurves;
  readonly failure: StudioError | null;
}

/** Scores of a large model are a heavy answer: asked for at most this often while they come in. */
const minIntervalMs = 1500;
/** Steps of a training after which its curve is asked for again, thinned as main keeps it. */
const stepsBetweenCurves = 100;
const noSteps: readonly TrainingNow[] = [];

/** One run, live: asked for once, followed through the streams, asked for again when it moved on. */
export function useRunDetail(runId: string): FollowedRun {
  const store = useStudioStore();
  const listed = useStudio(({ runs }) => runs?.find(({ id }) => id === runId) ?? null);
  const told = useStudio(({ progress }) => progress[runId] ?? null);
  const heard = useStudio(({ heardSteps }) => heardSteps[runId] ?? noSteps);
  const [asked, setAsked] = useState<{
    readonly detail: RunDetail | null;
    readonly failure: StudioError | null;
  }>({
    detail: null,
    failure: null,
  });
  const lastAskedAt = useRef(0);
  const ask = useCallback(async (): Promise<void> => {
    lastAskedAt.current = Date.now();
    try {
      const detail = await call('run:get', { runId });
      if (detail.run.id !== runId) {
        // Reading model and data has shown that another run does this work already.
        const isFinished = detail.run.state === 'finished';
        goInstead({ screen: 'run', runId: detail.run.id, view: isFinished ? 'results' : 'progress' });
        return;
      }
      store.tellProgress(runId, detail.progress);
      setAsked({ detail, failure: null });
    } catch (thrown) {
      setAsked((known) => ({ ...known, failure: errorOf(thrown) }));
    }
  }, [runId, store]);

  const layerCount = listed?.layers.length ?? 0;
  const layersDone = Math.floor((told?.fraction ?? 0) * layerCount);
  const curvesHeard = Math.floor((told?.training?.step ?? 0) / stepsBetweenCurves);
  const position = `${listed?.state ?? ''} ${told?.stage ?? ''} ${layersDone} ${curvesHeard}`;
  useEffect(() => {
    const waitMs = Math.max(0, lastAskedAt.current + minIntervalMs - Date.now());
    const timer = setTimeout(() => void ask(), waitMs);
    return () => clearTimeout(timer);
  }, [ask, position]);

  const detail = asked.detail?.run.id === runId ? asked.detail : null;
  const known = detail?.curves ?? null;
  const curves = useMemo(
    () => ({
      recover: grownCurve(known?.recover ?? null, 'recover', heard),
      'recover-control': grownCurve(known?.['recover-control'] ?? null, 'recover-control', heard),
    }),
    [known, heard],
  );
  return {
    detail,
    run: listed ?? detail?.run ?? null,
    progress: told ?? detail?.progress ?? null,
    curves,
    failure: asked.failure,
  };
}
