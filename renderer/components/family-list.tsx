import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useStudio } from '../studio/studio-store.ts';
import { Panel } from './panel.tsx';

/** The model families that can be chosen, and the best-known models of each. */
export function FamilyList(): ReactNode {
  const { t } = useTranslation();
  const familyIds = useStudio(({ info }) => info)?.familyIds ?? [];
  return (
    <Panel title={t('families.title')}>
      <p className="quiet">{t('families.text')}</p>
      <dl className="family-list">
        {familyIds.map((id) => (
          <div key={id}>
            <dt>{t(`families.names.${id as 'llama'}`, { defaultValue: id })}</dt>
            <dd>{t(`families.models.${id as 'llama'}`, { defaultValue: '' })}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}
