import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { RouteLink } from '../components/route-link.tsx';

/** To the scores of a run, for a run that has some. */
export function ImportanceLink({ runId }: { readonly runId: string }): ReactNode {
  const { t } = useTranslation();
  return <RouteLink to={{ screen: 'run', runId, view: 'importance' }}>{t('importance.open')}</RouteLink>;
}
