import { CloseOutlined, ExclamationCircleFilled } from '@ant-design/icons';
import { Button } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { StudioError } from '../../preload/contract.ts';
import type en from '../locales/en.json';

type KnownCode = keyof (typeof en)['errors'];

export interface ErrorNoticeProps {
  readonly error: StudioError;
  /** What helps, as a button. */
  readonly action?: { readonly label: string; readonly onAct: () => void };
  readonly onClose?: () => void;
}

/** What happened and what to do, in the language on screen; below it what exactly main said, in English. */
export function ErrorNotice({ error, action, onClose }: ErrorNoticeProps): ReactNode {
  const { t, i18n } = useTranslation();
  const code: KnownCode = i18n.exists(`errors.${error.code}`) ? (error.code as KnownCode) : 'unknown';
  // Main's own hint is the most exact, but only for those who read it.
  const isEnglish = i18n.language === 'en';
  const hint = isEnglish && error.hint !== undefined ? error.hint : t(`errors.${code}.hint`);
  const detail = isEnglish || error.hint === undefined ? error.message : `${error.message} ${error.hint}`;
  return (
    <div className="error-notice" role="alert" data-code={error.code}>
      <ExclamationCircleFilled aria-hidden="true" />
      <div className="error-text">
        <strong>{t(`errors.${code}.title`)}</strong>
        <p>{hint}</p>
        <p className="quiet" lang="en">
          {detail}
        </p>
        {action && (
          <Button onClick={action.onAct} size="small">
            {action.label}
          </Button>
        )}
      </div>
      {onClose && (
        <Button
          type="text"
          size="small"
          icon={<CloseOutlined />}
          aria-label={t('actions.close')}
          onClick={onClose}
        />
      )}
    </div>
  );
}
