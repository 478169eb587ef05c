import { Segmented } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ModelSummary, PlanPreview, PruneSettings } from '../../preload/contract.ts';
import { Panel } from '../components/panel.tsx';
import { Term } from '../glossary/term.tsx';
import { useFormats } from '../language/use-formats.ts';
import { modeOf, shareTerms } from './plan-modes.ts';
import { RatioField } from './ratio-field.tsx';
import { TargetField, targetAt } from './target-field.tsx';

/** How much goes, as a ratio or as what is to stay, and what either comes to. */
export function HowMuch({
  model,
  prune,
  preview,
  onChange,
}: {
  readonly model: ModelSummary;
  readonly prune: PruneSettings;
  readonly preview: PlanPreview | null;
  readonly onChange: (change: Partial<PruneSettings>) => void;
}): ReactNode {
  const { t } = useTranslation();
  const target = prune.target ?? null;
  const reached = preview?.after ?? model.costs;
  return (
    <Panel
      title={t('plan.howMuch')}
      actions={
        <Segmented
          size="small"
          name="how-much"
          aria-label={t('plan.howMuch')}
          value={target === null ? 'ratio' : 'target'}
          options={(['ratio', 'target'] as const).map((value) => ({ value, label: t(`plan.by.${value}`) }))}
          onChange={(by) =>
            onChange({ target: by === 'ratio' ? null : targetAt('parameters', reached, model.costs) })
          }
        />
      }
    >
      {target === null ? (
        <RatioField ratio={prune.ratio} onChange={(ratio) => onChange({ ratio })} />
      ) : (
        <TargetField
          target={target}
          whole={model.costs}
          reached={reached}
          onChange={(next) => onChange({ target: next })}
        />
      )}
      <Outcome prune={prune} preview={preview} />
    </Panel>
  );
}

/** The two percentages that are so easily taken for one another. */
function Outcome({
  prune,
  preview,
}: {
  readonly prune: PruneSettings;
  readonly preview: PlanPreview | null;
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const { ratio, target } = prune;
  const mode = modeOf(prune);
  const solved = preview ? `~\u202f${formats.percent(preview.ratioInWindow)}` : '–';
  return (
    <dl className="two-ratios">
      <div>
        <dt>
          <Term name={shareTerms[mode]}>{t(`plan.shares.${mode}`)}</Term>
        </dt>
        {target ? <dd className="predicted">{solved}</dd> : <dd>{formats.percent(ratio)}</dd>}
      </div>
      <div>
        <dt>
          <Term name="ratioOfAll">{t('plan.ofAll')}</Term>
        </dt>
        <dd className="predicted">
          {preview ? `~\u202f${formats.percent(preview.removedOfParameters)}` : '–'}
        </dd>
      </div>
    </dl>
  );
}
