import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { DeviceChoice } from '../../preload/contract.ts';
import { useStudio } from '../studio/studio-store.ts';
import { useAsked, type Asked } from '../wizard/use-asked.ts';
import { ErrorNotice } from './error-notice.tsx';

/** What runs will compute on by the settings; the card is tested when this is first asked. */
export function useComputingDevice(): Asked<DeviceChoice> {
  const device = useStudio(({ settings }) => settings.device);
  return useAsked('device:find', { device }, device, 0);
}

/** A card by its name, or the processor. */
export function useDeviceName(): (found: DeviceChoice) => string {
  const { t } = useTranslation();
  return ({ card }) => card ?? t('device.processor');
}

/** What the settings come to on this machine, and why. */
export function ComputingDevice(): ReactNode {
  const { t, i18n } = useTranslation();
  const nameOf = useDeviceName();
  const { answer: found, failure, isBusy } = useComputingDevice();
  if (failure) return <ErrorNotice error={failure} />;
  if (found === null || isBusy) return <p className="quiet">{t('device.testing')}</p>;
  const { why } = found;
  return (
    <p className="field-remark" role="status">
      {t('device.computesOn', { device: nameOf(found) })}
      {why !== null && (
        <>
          {t('words.gap')}
          {t(`device.why.${why.code as 'slow'}`)}
          {/* Only English has the numbers in it. */}
          {i18n.language === 'en' && hasNumbers(why.code) && ` (${why.text})`}
        </>
      )}
    </p>
  );
}

const hasNumbers = (code: string): boolean => ['falls-back', 'differs', 'slow', 'test-failed'].includes(code);
