import { Button } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useStudio } from '../studio/studio-store.ts';
import { useRunActions } from '../studio/use-run-actions.ts';

/** Runs that were in line when the studio was last closed, and the one action that lets them start. */
export function HeldRuns(): ReactNode {
  const { t } = useTranslation();
  const actions = useRunActions();
  const runs = useStudio((state) => state.runs?.filter(({ held }) => held).length ?? 0);
  if (runs === 0) return null;
  return (
    <div className="warning-notice">
      {t('runs.held', { runs })}
      {t('words.gap')}
      <Button size="small" onClick={() => void actions.release()}>
        {t('actions.releaseRuns')}
      </Button>
    </div>
  );
}
