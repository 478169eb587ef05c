import { CloseOutlined, ExclamationCircleFilled } from '@ant-design/icons';
import { Button } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { StudioError } from '../../preload/contract.ts';
import type en from '../locales/en.json';

type KnownCode = keyof (typeof en)['errors'];

export interface ErrorNoticeProps {
  readonly error: StudioError;
  /** What to do here, where the code alone does not tell it. */
  readonly advice?: string;
  /** What helps, as a button. */
  readonly action?: { readonly label: string; readonly onAct: () => void };
  readonly onClose?: () => void;
}

/** What happened and what to do, in the language on screen, with what exactly main said. */
export function ErrorNotice({ error, advice, action, onClose }: ErrorNoticeProps): ReactNode {
  const { t, i18n } = useTranslation();
  const code: KnownCode = i18n.exists(`errors.${error.code}`) ? (error.code as KnownCode) : 'unknown';
  // Main's own hint speaks of recipe keys, which the window has no place for.
  const what = advice ?? t(`errors.${code}.hint`);
  // Main speaks English: others read what to do before they come to that.
  const isEnglish = i18n.language === 'en';
  const sentences = isEnglish ? [error.message, what] : [what, error.message];
  return (
    <div className="error-notice" role="alert" data-code={error.code}>
      <ExclamationCircleFilled aria-hidden="true" />
      <div className="error-text">
        <strong>{t(`errors.${code}.title`)}</strong>
        <p>{sentences[0]}</p>
        <p className="quiet" lang={isEnglish ? undefined : 'en'}>
          {sentences[1]}
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
