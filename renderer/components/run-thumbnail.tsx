import { useEffect, useMemo, useState, type ReactNode } from 'react';
import type { RunDetail, RunSummary } from '../../preload/contract.ts';
import { mapLayers } from '../model-map/map-layers.ts';
import { call } from '../studio/bridge.ts';
import { ModelMapThumbnail } from './model-map.tsx';

export interface RunThumbnailProps {
  readonly run: RunSummary;
  readonly width: number;
  readonly height: number;
}

/** A run by its own map: what it found important, and what it took. */
export function RunThumbnail({ run, width, height }: RunThumbnailProps): ReactNode {
  const isFinished = run.state === 'finished';
  const choices = useChoices(run.id, isFinished);
  const windows = run.report?.windows ?? null;
  const layers = useMemo(() => mapLayers(run.layers, windows, choices ?? {}), [run.layers, windows, choices]);
  return (
    <ModelMapThumbnail
      layers={layers}
      removal={isFinished ? 'done' : 'planned'}
      width={width}
      height={height}
    />
  );
}

type Choices = Pick<RunDetail, 'scores' | 'kept'>;

function useChoices(runId: string, isFinished: boolean): Choices | null {
  const [choices, setChoices] = useState<Choices | null>(null);
  useEffect(() => {
    if (!isFinished) return undefined;
    let isCurrent = true;
    call('run:get', { runId }).then(
      (detail) => isCurrent && setChoices(detail),
      // Without them the map shows the widths; the run's own screen tells what failed.
      () => undefined,
    );
    return () => {
      isCurrent = false;
    };
  }, [runId, isFinished]);
  return choices;
}
