import { Button } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { OpenRunSetup } from '../wizard/use-run-setup.ts';

/** Sets up another run that begins with the settings of the one on screen; nothing where its model is gone. */
export function NewRunButton({ openSetup }: { readonly openSetup: OpenRunSetup | null }): ReactNode {
  const { t } = useTranslation();
  if (openSetup === null) return null;
  return <Button onClick={() => openSetup('plan', 'new-run')}>{t('actions.sameSettings')}</Button>;
}
