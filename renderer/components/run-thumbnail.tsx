import { useMemo, type ReactNode } from 'react';
import type { RunSummary } from '../../preload/contract.ts';
import { mapOfRun } from '../model-map/map-of-run.ts';
import { useAsked } from '../wizard/use-asked.ts';
import { ModelMapThumbnail } from './model-map.tsx';

export interface RunThumbnailProps {
  readonly run: RunSummary;
  readonly width: number;
  readonly height: number;
}

/** A run by its own map: what it found important, and what it took. */
export function RunThumbnail({ run, width, height }: RunThumbnailProps): ReactNode {
  const isFinished = run.state === 'finished';
  // Where it fails the map shows the widths; the run's own screen tells why.
  const { answer: detail } = useAsked('run:get', isFinished ? { runId: run.id } : null, run.id, 0);
  const layers = useMemo(() => mapOfRun(run, run.report?.windows ?? null, detail), [run, detail]);
  return (
    <ModelMapThumbnail
      layers={layers}
      removal={isFinished ? 'done' : 'planned'}
      width={width}
      height={height}
    />
  );
}
