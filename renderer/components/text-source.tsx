import { CloseOutlined, FileTextOutlined } from '@ant-design/icons';
import { Button } from 'antd';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Picked, StudioError } from '../../preload/contract.ts';
import { call, errorOf } from '../studio/bridge.ts';
import { ErrorNotice } from './error-notice.tsx';

/** The file that a step reads, and the ways to another. */
export function TextSource({
  zone,
  text,
  onChoose,
}: {
  readonly zone: 'calibration' | 'evaluation' | 'recovery';
  readonly text: Picked | null;
  readonly onChoose: (text: Picked | null) => void;
}): ReactNode {
  const { t } = useTranslation();
  const [failure, setFailure] = useState<StudioError | null>(null);
  const choose = async (find: () => Promise<Picked | null>): Promise<void> => {
    try {
      const picked = await find();
      if (picked !== null) onChoose(picked);
      setFailure(null);
    } catch (thrown) {
      setFailure(errorOf(thrown));
    }
  };
  return (
    <div className="text-source">
      {text === null ? (
        <p className="text-source-file none">{t('data.noText')}</p>
      ) : (
        <p className="text-source-file" title={text.path}>
          <FileTextOutlined aria-hidden="true" />
          <span>{text.name}</span>
          <Button
            type="text"
            size="small"
            icon={<CloseOutlined />}
            aria-label={t('data.removeText', { name: text.name })}
            onClick={() => onChoose(null)}
          />
        </p>
      )}
      <div className="text-source-buttons">
        <Button
          onClick={() => void choose(() => call('text:pick', undefined))}
          aria-label={`${t('actions.pickText')}: ${t(`data.${zone}`)}`}
        >
          {t('actions.pickText')}
        </Button>
        <Button
          onClick={() => void choose(async () => (await call('text:demo', undefined))[zone])}
          aria-label={`${t('actions.useDemoText')}: ${t(`data.${zone}`)}`}
        >
          {t('actions.useDemoText')}
        </Button>
      </div>
      {failure && <ErrorNotice error={failure} onClose={() => setFailure(null)} />}
    </div>
  );
}
