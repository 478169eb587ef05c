import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { familyIds } from '../wizard/families.ts';
import { Panel } from './panel.tsx';

/** The model families that can be chosen, and the best-known models of each. */
export function FamilyList(): ReactNode {
  const { t } = useTranslation();
  return (
    <Panel title={t('families.title')}>
      <p className="quiet">{t('families.text')}</p>
      <dl className="family-list">
        {familyIds.map((id) => (
          <div key={id}>
            <dt>{t(`families.names.${id}`)}</dt>
            <dd>{t(`families.models.${id}`)}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}
