import { Button } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { go } from '../studio/route.ts';

/** A later step without a model: back to where one is chosen. */
export function NoModel(): ReactNode {
  const { t } = useTranslation();
  return (
    <div className="empty">
      <p>{t('model.chooseFirst')}</p>
      <Button onClick={() => go({ screen: 'new', step: 'model' })}>{t('actions.toModel')}</Button>
    </div>
  );
}
