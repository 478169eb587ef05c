import { Select } from 'antd';
import { useId, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ModelSummary, PlanPreview, PruneSettings } from '../../preload/contract.ts';
import { ChoiceField } from '../components/choice-field.tsx';
import { Field } from '../components/field.tsx';
import { Panel } from '../components/panel.tsx';
import { AdvancedFields } from './advanced-fields.tsx';
import { CriterionFields } from './criterion-fields.tsx';
import { HowMuch } from './how-much.tsx';
import { ModePanel } from './mode-panel.tsx';
import { hasCriterion, isByBlock, modeOf, withScope } from './plan-modes.ts';
import { WindowField, WindowPresets } from './window-fields.tsx';

export interface PruneFieldsProps {
  readonly prune: PruneSettings;
  readonly onChange: (change: Partial<PruneSettings>) => void;
}

/** Everything the Plan step decides; what has no meaning in a mode is not shown. */
export function PlanSettings({
  model,
  prune,
  preview,
  onChange,
}: PruneFieldsProps & {
  readonly model: ModelSummary;
  readonly preview: PlanPreview | null;
}): ReactNode {
  const { t } = useTranslation();
  return (
    <div className="column">
      <ModePanel mode={modeOf(prune)} onChange={(mode) => onChange({ mode })} />
      <HowMuch model={model} prune={prune} preview={preview} onChange={onChange} />
      {isByBlock(prune) && (
        <Panel
          title={t('plan.where')}
          actions={<WindowPresets model={model} prune={prune} onChange={onChange} />}
        >
          {(['attention', 'mlp'] as const).map((kind) => (
            <WindowField
              key={kind}
              kind={kind}
              layerCount={model.layers.length}
              window={prune.layers[kind]}
              onChange={(window) => onChange({ layers: { ...prune.layers, [kind]: window } })}
            />
          ))}
        </Panel>
      )}
      <Panel title={t('plan.how')}>
        {hasCriterion(prune) ? (
          <CriterionFields prune={prune} onChange={onChange} />
        ) : (
          <DropField prune={prune} onChange={onChange} />
        )}
        {isByBlock(prune) && <ScopeField prune={prune} onChange={onChange} />}
        <AdvancedFields model={model} prune={prune} onChange={onChange} />
      </Panel>
    </div>
  );
}

/** Which whole layers go. */
function DropField({ prune, onChange }: PruneFieldsProps): ReactNode {
  const { t } = useTranslation();
  const drop = prune.drop ?? 'least-influence';
  return (
    <ChoiceField
      name="drop"
      label={t('plan.drop')}
      term="drop"
      value={drop}
      options={(['least-influence', 'last'] as const).map((value) => ({
        value,
        label: t(`plan.drops.${value}.name`),
      }))}
      remark={t(`plan.drops.${drop}.text`)}
      onChange={(value) => onChange({ drop: value })}
    />
  );
}

/** What is ranked together. */
function ScopeField({ prune, onChange }: PruneFieldsProps): ReactNode {
  const { t } = useTranslation();
  const id = useId();
  const scope = prune.scope ?? 'local';
  return (
    <Field controlId={id} label={t('plan.scope')} term="scope" remark={t(`plan.scopes.${scope}.text`)}>
      <Select
        id={id}
        virtual={false}
        value={scope}
        options={(['local', 'global', 'global-published'] as const).map((value) => ({
          value,
          label: t(`plan.scopes.${value}.name`),
        }))}
        onChange={(value) => onChange(withScope(value))}
      />
    </Field>
  );
}
