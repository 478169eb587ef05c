import { Button } from 'antd';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ComparisonFormat } from '../../preload/comparison-contract.ts';
import { call, errorOf } from '../studio/bridge.ts';
import { useStudioStore } from '../studio/studio-store.ts';
import { requestOf, useCompareSelection } from './selection-store.tsx';

export interface ComparisonExport {
  readonly save: (format: ComparisonFormat) => Promise<void>;
  readonly isBusy: boolean;
  /** The file that was written last. */
  readonly saved: string | null;
}

/** Writes what is compared to a file that the person names. */
export function useComparisonExport(): ComparisonExport {
  const { i18n } = useTranslation();
  const store = useStudioStore();
  const { selection } = useCompareSelection();
  const [isBusy, setBusy] = useState(false);
  const [saved, setSaved] = useState<string | null>(null);
  const save = async (format: ComparisonFormat): Promise<void> => {
    setBusy(true);
    setSaved(null);
    try {
      const language = i18n.language === 'zh-CN' ? 'zh-CN' : 'en';
      setSaved((await call('compare:export', { ...requestOf(selection), format, language })).path);
    } catch (thrown) {
      store.tellFailure(errorOf(thrown));
    } finally {
      setBusy(false);
    }
  };
  return { save, isBusy, saved };
}

const others: readonly ComparisonFormat[] = ['markdown', 'csv', 'png'];

/** The forms beside the page, which is the screen's main action. */
export function ExportButtons({ save, isBusy }: ComparisonExport): ReactNode {
  const { t } = useTranslation();
  return (
    <>
      {others.map((format) => (
        <Button key={format} disabled={isBusy} onClick={() => void save(format)}>
          {t(`compare.formats.${format}`)}
        </Button>
      ))}
    </>
  );
}
