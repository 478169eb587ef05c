import { Select } from 'antd';
import { useId, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Field } from '../components/field.tsx';
import { aggregations, criteria } from '../wizard/draft.ts';
import { usesGradient } from './plan-modes.ts';
import type { PruneFieldsProps } from './plan-settings.tsx';

/** By what structures are judged. */
export function CriterionFields({ prune, onChange }: PruneFieldsProps): ReactNode {
  const { t } = useTranslation();
  const criterionId = useId();
  const aggregationId = useId();
  return (
    <>
      <Field
        controlId={criterionId}
        label={t('plan.criterion')}
        term="criterion"
        remark={
          <>
            {t(`criteria.${prune.criterion}.text`)}
            {t('words.gap')}
            {t(usesGradient(prune.criterion) ? 'plan.needsCalibration' : 'plan.needsNoCalibration')}
          </>
        }
      >
        <Select
          id={criterionId}
          virtual={false}
          value={prune.criterion}
          options={criteria.map((value) => ({ value, label: t(`criteria.${value}.name`) }))}
          onChange={(criterion) => onChange({ criterion })}
        />
      </Field>
      <Field
        controlId={aggregationId}
        label={t('plan.aggregation')}
        term="aggregation"
        remark={t(`aggregations.${prune.aggregation}.text`)}
      >
        <Select
          id={aggregationId}
          virtual={false}
          value={prune.aggregation}
          options={aggregations.map((value) => ({ value, label: t(`aggregations.${value}.name`) }))}
          onChange={(aggregation) => onChange({ aggregation })}
        />
      </Field>
    </>
  );
}
