import { Button } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { TrainingForecast } from '../../preload/recovery-contract.ts';
import { useComputingDevice, useDeviceName } from '../components/computing-device.tsx';
import { ErrorNotice } from '../components/error-notice.tsx';
import { Facts } from '../components/facts.tsx';
import { Panel } from '../components/panel.tsx';
import { Term } from '../glossary/term.tsx';
import { useFormats } from '../language/use-formats.ts';
import type { Asked } from '../wizard/use-asked.ts';

const hourMs = 3_600_000;
/** Nobody leaves a machine alone for longer without meaning to; a night is what it is then cut down to. */
const longMs = 72 * hourMs;
const nightMs = 8 * hourMs;

/** What the training will take, before it is started: measured on this machine, and marked as a prediction. */
export function TimePanel({
  hasData,
  hasWeights,
  asked: { answer: forecast, failure, isBusy },
  warmupSteps,
  onSteps,
}: {
  readonly hasData: boolean;
  readonly hasWeights: boolean;
  readonly asked: Asked<TrainingForecast>;
  readonly warmupSteps: number;
  readonly onSteps: (steps: number) => void;
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  return (
    <Panel title={<Term name="trainingTime">{t('recovery.time')}</Term>} className="time-panel">
      {!hasWeights && <p className="quiet">{t('recovery.noWeights')}</p>}
      {hasWeights && !hasData && <p className="quiet">{t('recovery.timeEmpty')}</p>}
      {failure && <ErrorNotice error={failure} />}
      {isBusy && forecast === null && <p className="quiet">{t('recovery.measuring')}</p>}
      {forecast && forecast.steps <= warmupSteps && (
        <p className="warning-notice">
          {t('recovery.endsInWarmUp', {
            steps: formats.count(forecast.steps),
            warmup: formats.count(warmupSteps),
          })}
        </p>
      )}
      {forecast && <Forecast forecast={forecast} isOld={isBusy} onSteps={onSteps} />}
    </Panel>
  );
}

function Forecast({
  forecast,
  isOld,
  onSteps,
}: {
  readonly forecast: TrainingForecast;
  /** Whether a newer one is being measured. */
  readonly isOld: boolean;
  readonly onSteps: (steps: number) => void;
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const { steps, tokens, stepMs, trainingMs, controlMs, measured } = forecast;
  const { answer: device } = useComputingDevice();
  const nameOf = useDeviceName();
  const predicted = (text: string): ReactNode => <span className="predicted">{`~\u202f${text}`}</span>;
  const duration = formats.duration(trainingMs);
  const affordable = Math.max(1, Math.floor((steps * nightMs) / trainingMs));
  return (
    <>
      <p className={isOld ? 'training-time predicted quiet' : 'training-time predicted'} role="status">
        {isOld
          ? t('recovery.measuring')
          : controlMs === null
            ? t('recovery.about', { duration })
            : t('recovery.aboutWithControl', { duration, control: formats.duration(controlMs) })}
      </p>
      {trainingMs > longMs && (
        <div className="warning-notice">
          <p>{t('recovery.tooLong', { duration })}</p>
          <Button size="small" onClick={() => onSteps(affordable)}>
            {t('recovery.useSteps', {
              steps: formats.count(affordable),
              duration: formats.duration((trainingMs / steps) * affordable),
            })}
          </Button>
        </div>
      )}
      <Facts
        facts={[
          ...(device ? [{ name: t('recovery.device'), term: 'device' as const, value: nameOf(device) }] : []),
          { name: t('recovery.steps'), term: 'steps', value: formats.count(steps) },
          { name: t('recovery.stepTime'), value: predicted(formats.shortDuration(stepMs)) },
          { name: t('recovery.tokensInAll'), value: predicted(formats.shortCount(tokens)) },
        ]}
      />
      <p className="field-remark">
        {t('recovery.assumption', {
          measured: formats.count(measured.layers),
          layers: formats.count(measured.ofLayers),
          tokens: formats.count(measured.tokens),
          threads: formats.count(measured.threads),
          ms: formats.shortDuration(measured.ms),
        })}
      </p>
    </>
  );
}
