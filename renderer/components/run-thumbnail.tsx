import { useMemo, type ReactNode } from 'react';
import type { RunSummary } from '../../preload/contract.ts';
import { mapLayers } from '../model-map/map-layers.ts';
import { isByBlock } from '../plan/plan-modes.ts';
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
  const { answer: choices } = useAsked('run:get', isFinished ? { runId: run.id } : null, run.id, 0);
  const windows = isByBlock(choices?.settings.prune ?? {}) ? (run.report?.windows ?? null) : null;
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
