import { InputNumber } from 'antd';
import { useId, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ModelSummary } from '../../preload/contract.ts';
import { ChoiceField } from '../components/choice-field.tsx';
import { Field } from '../components/field.tsx';
import { NumberField } from '../components/number-field.tsx';
import { byQueryHead, hasCriterion, isByBlock, modeOf, uniformOver } from './plan-modes.ts';
import type { PruneFieldsProps } from './plan-settings.tsx';

const roundings = [1, 8, 64, 256] as const;

/** What few change. */
export function AdvancedFields({
  model,
  prune,
  onChange,
}: PruneFieldsProps & { readonly model: ModelSummary }): ReactNode {
  const { t } = useTranslation();
  return (
    <details className="advanced">
      <summary>{t('plan.advanced')}</summary>
      {modeOf(prune) !== 'layer' && <RoundField prune={prune} onChange={onChange} />}
      {isByBlock(prune) && <UniformField model={model} prune={prune} onChange={onChange} />}
      {isByBlock(prune) && isGrouped(model) && <UnitField prune={prune} onChange={onChange} />}
      {isByBlock(prune) && <GqaFoldField model={model} prune={prune} onChange={onChange} />}
      {hasCriterion(prune) && (
        <NumberField
          label={t('plan.steps')}
          term="steps"
          value={prune.steps ?? 1}
          min={1}
          max={1000}
          onChange={(steps) => steps !== null && onChange({ steps })}
        />
      )}
      <SeedField prune={prune} onChange={onChange} />
    </details>
  );
}

/** What widths suit the hardware. */
function RoundField({ prune, onChange }: PruneFieldsProps): ReactNode {
  const { t } = useTranslation();
  return (
    <ChoiceField
      name="round"
      label={t(isByBlock(prune) ? 'plan.round' : 'plan.roundHidden')}
      term="round"
      value={String(prune.round ?? 1)}
      options={roundings.map((value) => ({
        value: String(value),
        label: value === 1 ? t('plan.roundNone') : String(value),
      }))}
      remark={t('plan.roundText')}
      onChange={(value) => onChange({ round: roundings.find((one) => String(one) === value) ?? 1 })}
    />
  );
}

/** What widths suit other programs: alike they can be only where every layer is cut. */
function UniformField({
  model,
  prune,
  onChange,
}: PruneFieldsProps & { readonly model: ModelSummary }): ReactNode {
  const { t } = useTranslation();
  const value = prune.uniform === true ? 'uniform' : 'free';
  return (
    <ChoiceField
      name="uniform"
      label={t('plan.uniform')}
      term="uniform"
      value={value}
      options={(['free', 'uniform'] as const).map((one) => ({
        value: one,
        label: t(`plan.uniforms.${one}`),
      }))}
      remark={t(`plan.uniformTexts.${value}`)}
      onChange={(chosen) =>
        onChange(chosen === 'uniform' ? uniformOver(model.layers.length) : { uniform: false })
      }
    />
  );
}

const isGrouped = ({ layers }: ModelSummary): boolean => layers.some(({ heads, kvHeads }) => heads > kvHeads);

function UnitField({ prune, onChange }: PruneFieldsProps): ReactNode {
  const { t } = useTranslation();
  const value = prune.unit ?? 'group';
  return (
    <ChoiceField
      name="attention-unit"
      label={t('plan.unit')}
      term="attentionUnit"
      value={value}
      options={(['group', 'query-head'] as const).map((one) => ({
        value: one,
        label: t(`plan.units.${one}`),
      }))}
      remark={t(`plan.unitTexts.${value}`)}
      onChange={(unit) => onChange(unit === 'group' ? { unit } : byQueryHead(prune))}
    />
  );
}

function GqaFoldField({
  model,
  prune,
  onChange,
}: PruneFieldsProps & { readonly model: ModelSummary }): ReactNode {
  const { t } = useTranslation();
  const isFolded = isGrouped(model) && prune.unit !== 'query-head';
  return (
    <ChoiceField
      name="gqa-fold"
      label={t('plan.gqaFold')}
      term="gqaFold"
      isDisabled={!isFolded}
      value={prune.gqaFold}
      options={(['correct', 'published'] as const).map((value) => ({
        value,
        label: t(`plan.gqaFolds.${value}`),
      }))}
      remark={
        isFolded
          ? t(`plan.gqaFoldTexts.${prune.gqaFold}`)
          : t(isGrouped(model) ? 'plan.notFolded' : 'plan.notGrouped')
      }
      onChange={(gqaFold) => onChange({ gqaFold })}
    />
  );
}

function SeedField({ prune, onChange }: PruneFieldsProps): ReactNode {
  const { t } = useTranslation();
  const id = useId();
  return (
    <Field controlId={id} label={t('plan.seed')} term="seed">
      <InputNumber
        id={id}
        value={prune.seed}
        min={0}
        max={Number.MAX_SAFE_INTEGER}
        precision={0}
        onChange={(seed) => seed !== null && onChange({ seed })}
      />
    </Field>
  );
}
