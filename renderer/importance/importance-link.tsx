import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { RunDetail } from '../../preload/contract.ts';
import { RouteLink } from '../components/route-link.tsx';

/** Whether a run has scored heads, channels, whole layers or hidden indices. */
export const hasScores = (detail: RunDetail | null): boolean =>
  detail !== null &&
  ((detail.hidden ?? null) !== null ||
    detail.scores.some(
      ({ heads, channels, influence = null }) => heads !== null || channels !== null || influence !== null,
    ));

/** To the scores of a run, for a run that has some. */
export function ImportanceLink({ detail }: { readonly detail: RunDetail | null }): ReactNode {
  const { t } = useTranslation();
  if (detail === null || !hasScores(detail)) return null;
  return (
    <RouteLink to={{ screen: 'run', runId: detail.run.id, view: 'importance' }}>
      {t('importance.open')}
    </RouteLink>
  );
}
