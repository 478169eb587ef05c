import { InputNumber, Slider } from 'antd';
import { useId, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Field } from '../components/field.tsx';
import { useFormats } from '../language/use-formats.ts';
import { readPercent } from '../wizard/read-percent.ts';

const ratioLimits = { min: 0.01, max: 0.95 } as const;

/** The ratio as a number and a slider. */
export function RatioField({
  ratio,
  onChange,
}: {
  readonly ratio: number;
  readonly onChange: (ratio: number) => void;
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const id = useId();
  const set = (percent: number | null): void => {
    if (percent === null) return;
    onChange(Math.min(ratioLimits.max, Math.max(ratioLimits.min, Math.round(percent * 10) / 1000)));
  };
  const percent = Math.round(ratio * 1000) / 10;
  const limits = `${formats.wholePercent(ratioLimits.min)} – ${formats.wholePercent(ratioLimits.max)}`;
  return (
    <Field
      controlId={id}
      label={t('plan.ratio')}
      term="ratio"
      beside={
        <InputNumber
          id={id}
          size="small"
          className="ratio-number"
          value={percent}
          min={100 * ratioLimits.min}
          max={100 * ratioLimits.max}
          step={1}
          suffix="%"
          title={limits}
          parser={readPercent}
          onChange={set}
        />
      }
    >
      <Slider
        value={percent}
        min={100 * ratioLimits.min}
        max={100 * ratioLimits.max}
        step={1}
        tooltip={{ open: false }}
        ariaLabelForHandle={t('plan.ratio')}
        ariaValueTextFormatterForHandle={(value) => formats.percent(value / 100)}
        onChange={set}
      />
    </Field>
  );
}
