import { Tooltip } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type en from '../locales/en.json';

export type TermName = keyof (typeof en)['glossary'];

/** A word of the field with its one-line explanation on hover and focus. */
export function Term({
  name,
  children,
}: {
  readonly name: TermName;
  readonly children: ReactNode;
}): ReactNode {
  const { t } = useTranslation();
  return (
    <Tooltip title={t(`glossary.${name}`)} trigger={['hover', 'focus']} mouseEnterDelay={0.2}>
      <span className="term" tabIndex={0} role="note" aria-description={t(`glossary.${name}`)}>
        {children}
      </span>
    </Tooltip>
  );
}
