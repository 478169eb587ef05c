import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { RunSummary } from '../../preload/contract.ts';

/** What a run is doing, in a word and a shape. */
export function RunStateTag({
  run,
}: {
  readonly run: Pick<RunSummary, 'state' | 'queuePosition' | 'held'>;
}): ReactNode {
  const { t } = useTranslation();
  const isWaiting = run.state === 'queued' && run.queuePosition !== null;
  return (
    <span className={`run-state ${run.state}`}>
      <span className="run-state-mark" aria-hidden="true" />
      {isWaiting
        ? t(run.held ? 'states.heldAt' : 'states.queuedAt', { position: (run.queuePosition ?? 0) + 1 })
        : t(`states.${run.state}`)}
    </span>
  );
}
