import { InputNumber, Select } from 'antd';
import { useId, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Costs, PruneSettings } from '../../preload/contract.ts';
import { Field } from '../components/field.tsx';
import { useFormats } from '../language/use-formats.ts';
import { readAmount } from '../wizard/read-amount.ts';

export type SizeTarget = NonNullable<PruneSettings['target']>;

const units = ['parameters', 'bytes', 'percent'] as const;
export type TargetUnit = (typeof units)[number];

export const unitOf = (target: SizeTarget): TargetUnit =>
  'parameters' in target ? 'parameters' : 'bytes' in target ? 'bytes' : 'percent';

/** What a model of these costs is, as a target of a unit: where a target begins. */
export function targetAt(unit: TargetUnit, at: Costs, whole: Costs): SizeTarget {
  if (unit === 'parameters') return { parameters: at.parameters };
  if (unit === 'bytes') return { bytes: at.weightBytes };
  const percent = Math.round((1000 * at.parameters) / whole.parameters) / 10;
  return { percent: Math.min(99.9, Math.max(0.1, percent)) };
}

const mebi = 2 ** 20;
const gibi = 2 ** 30;

/** What is to stay: parameters, bytes on disk, or percent of the model. */
export function TargetField({
  target,
  whole,
  reached,
  onChange,
}: {
  readonly target: SizeTarget;
  /** What the model costs as it is, and what the plan comes to. */
  readonly whole: Costs;
  readonly reached: Costs;
  readonly onChange: (target: SizeTarget) => void;
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const id = useId();
  const unit = unitOf(target);
  return (
    <Field controlId={id} label={t('plan.target')} term="target">
      <div className="target-field">
        <TargetNumber id={id} target={target} whole={whole} count={formats.count} onChange={onChange} />
        <Select<TargetUnit>
          aria-label={t('plan.targetUnit')}
          virtual={false}
          value={unit}
          options={units.map((value) => ({ value, label: t(`plan.targetUnits.${value}`) }))}
          onChange={(value) => onChange(targetAt(value, reached, whole))}
        />
      </div>
    </Field>
  );
}

function TargetNumber({
  id,
  target,
  whole,
  count,
  onChange,
}: {
  readonly id: string;
  readonly target: SizeTarget;
  readonly whole: Costs;
  readonly count: (value: number) => string;
  readonly onChange: (target: SizeTarget) => void;
}): ReactNode {
  if ('parameters' in target) {
    return (
      <InputNumber<number>
        id={id}
        value={target.parameters}
        min={1}
        max={whole.parameters}
        step={10 ** Math.max(0, Math.floor(Math.log10(whole.parameters)) - 2)}
        formatter={(value) => (value === undefined ? '' : count(value))}
        parser={readAmount}
        onChange={(parameters) => parameters !== null && onChange({ parameters: Math.round(parameters) })}
      />
    );
  }
  if ('bytes' in target) {
    const [unitBytes, suffix] = whole.weightBytes >= gibi ? [gibi, 'GiB'] : [mebi, 'MiB'];
    return (
      <InputNumber<number>
        id={id}
        value={Math.round((1000 * target.bytes) / unitBytes) / 1000}
        min={0.001}
        max={whole.weightBytes / unitBytes}
        step={0.1}
        suffix={suffix}
        onChange={(amount) =>
          amount !== null && onChange({ bytes: Math.max(1, Math.round(amount * unitBytes)) })
        }
      />
    );
  }
  return (
    <InputNumber<number>
      id={id}
      value={target.percent}
      min={0.1}
      max={99.9}
      step={1}
      suffix="%"
      onChange={(percent) => percent !== null && onChange({ percent })}
    />
  );
}
