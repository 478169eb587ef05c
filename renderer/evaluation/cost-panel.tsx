import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { NumberField } from '../components/number-field.tsx';
import { OnOff } from '../components/on-off.tsx';
import { Panel } from '../components/panel.tsx';
import { Term } from '../glossary/term.tsx';
import type { Draft } from '../wizard/draft.ts';
import { useDraft } from '../wizard/draft-store.tsx';

type Cost = NonNullable<Draft['cost']>;

/** The recipe's own defaults. */
const usualCost: Cost = { batchSizes: [1], promptLengths: [128], newTokens: 32, repeats: 7 };

/** Whether original and pruned model are timed beside each other. */
export function CostPanel(): ReactNode {
  const { t } = useTranslation();
  const { draft, dispatch } = useDraft();
  const { cost } = draft;
  const change = (next: Draft['cost']): void => dispatch({ type: 'cost-changed', cost: next });
  return (
    <Panel
      title={<Term name="measuredCost">{t('data.cost')}</Term>}
      actions={
        <OnOff
          name="cost"
          label={t('data.cost')}
          isOn={cost !== null}
          onTurn={(isOn) => change(isOn ? usualCost : null)}
        />
      }
    >
      <p className="quiet">{t('data.costText')}</p>
      {cost !== null && <CostFields cost={cost} onChange={change} />}
    </Panel>
  );
}

function CostFields({
  cost,
  onChange,
}: {
  readonly cost: Cost;
  readonly onChange: (cost: Cost) => void;
}): ReactNode {
  const { t } = useTranslation();
  const single = (key: 'batchSizes' | 'promptLengths', most: number): ReactNode => (
    <NumberField
      label={t(`data.costFields.${key}`)}
      term={key}
      value={cost[key][0]}
      min={1}
      max={most}
      onChange={(value) => value !== null && onChange({ ...cost, [key]: [value, ...cost[key].slice(1)] })}
    />
  );
  return (
    <div className="field-row">
      {single('batchSizes', 1024)}
      {single('promptLengths', 131_072)}
      <NumberField
        label={t('data.costFields.newTokens')}
        term="newTokens"
        value={cost.newTokens}
        min={1}
        max={4096}
        onChange={(newTokens) => newTokens !== null && onChange({ ...cost, newTokens })}
      />
      <NumberField
        label={t('data.costFields.repeats')}
        term="repeats"
        value={cost.repeats}
        min={2}
        max={1000}
        onChange={(repeats) => repeats !== null && onChange({ ...cost, repeats })}
      />
    </div>
  );
}
