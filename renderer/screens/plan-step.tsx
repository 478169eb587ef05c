import { InputNumber, Segmented, Select, Slider } from 'antd';
import { useId, useMemo, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ModelSummary, PlanPreview, PruneSettings } from '../../preload/contract.ts';
import { BeforeAfterBar } from '../components/before-after-bar.tsx';
import { ErrorNotice } from '../components/error-notice.tsx';
import { ChoiceField } from '../components/choice-field.tsx';
import { Field } from '../components/field.tsx';
import { NumberField } from '../components/number-field.tsx';
import { MapTable } from '../components/map-table.tsx';
import { ExploredMap } from '../components/explored-map.tsx';
import { Panel } from '../components/panel.tsx';
import { Screen } from '../components/screen.tsx';
import { useMapHeight } from '../components/use-map-height.ts';
import { WizardSteps } from '../components/wizard-steps.tsx';
import { Term } from '../glossary/term.tsx';
import { useFormats } from '../language/use-formats.ts';
import { mapLayers } from '../model-map/map-layers.ts';
import { go } from '../studio/route.ts';
import { aggregations, criteria, usesGradient } from '../wizard/draft.ts';
import { useDraft } from '../wizard/draft-store.tsx';
import { readPercent } from '../wizard/read-percent.ts';
import { usePlanPreview } from '../wizard/use-plan-preview.ts';
import { NoModel } from './no-model.tsx';

/** Step 2: how much goes, where, and by which judgement. */
export function PlanStep(): ReactNode {
  const { t } = useTranslation();
  const { draft } = useDraft();
  const { model } = draft;
  const { answer: preview, failure } = usePlanPreview(model?.model.id, draft.prune);
  return (
    <Screen
      title={t('steps.plan')}
      subtitle={model?.model.name ?? ''}
      primary={{
        label: t('actions.toData'),
        onAct: () => go({ screen: 'new', step: 'data' }),
        blockedBy: model === null ? t('model.chooseFirst') : failure === null ? null : t('plan.notPossible'),
      }}
      above={
        <>
          <WizardSteps current="plan" runId={draft.runId} />
          <BeforeAfterBar before={model?.costs ?? null} after={preview?.after ?? null} isPredicted />
        </>
      }
    >
      {model === null ? (
        <NoModel />
      ) : (
        <div className="columns side-left">
          <PlanSettings model={model} preview={preview} />
          <div className="column">
            {failure && <ErrorNotice error={failure} />}
            <PlanPicture model={model} preview={preview} prune={draft.prune} />
          </div>
        </div>
      )}
    </Screen>
  );
}

function PlanPicture({
  model,
  preview,
  prune,
}: {
  readonly model: ModelSummary;
  readonly preview: PlanPreview | null;
  readonly prune: PruneSettings;
}): ReactNode {
  const { t } = useTranslation();
  const height = useMapHeight(360, 420);
  const [view, setView] = useState<'map' | 'table'>('map');
  const layers = useMemo(
    () =>
      mapLayers(
        preview?.layers ?? model.layers.map((shape) => ({ before: shape, after: shape })),
        prune.layers,
      ),
    [model, preview, prune.layers],
  );
  return (
    <Panel
      title={t('plan.picture')}
      className="map-panel"
      actions={
        <Segmented
          size="small"
          name="plan-view"
          aria-label={t('plan.view')}
          value={view}
          options={(['map', 'table'] as const).map((value) => ({ value, label: t(`plan.views.${value}`) }))}
          onChange={setView}
        />
      }
    >
      {view === 'table' ? (
        <MapTable layers={layers} />
      ) : (
        <ExploredMap layers={layers} removal="planned" height={height} explores />
      )}
      <p className="quiet">{t('plan.whichLater')}</p>
    </Panel>
  );
}

const ratioLimits = { min: 0.01, max: 0.95 } as const;

function PlanSettings({
  model,
  preview,
}: {
  readonly model: ModelSummary;
  readonly preview: PlanPreview | null;
}): ReactNode {
  const { t } = useTranslation();
  const { draft, dispatch } = useDraft();
  const { prune } = draft;
  const change = (patch: Partial<PruneSettings>): void => dispatch({ type: 'prune-changed', change: patch });
  return (
    <div className="column">
      <Panel title={t('plan.howMuch')}>
        <RatioField ratio={prune.ratio} preview={preview} onChange={(ratio) => change({ ratio })} />
      </Panel>
      <Panel
        title={t('plan.where')}
        actions={<WindowPresets model={model} prune={prune} onChange={change} />}
      >
        {(['attention', 'mlp'] as const).map((kind) => (
          <WindowField
            key={kind}
            kind={kind}
            layerCount={model.layers.length}
            window={prune.layers[kind]}
            onChange={(window) => change({ layers: { ...prune.layers, [kind]: window } })}
          />
        ))}
      </Panel>
      <Panel title={t('plan.how')}>
        <CriterionFields prune={prune} onChange={change} />
        <AdvancedFields model={model} prune={prune} onChange={change} />
      </Panel>
    </div>
  );
}

function RatioField({
  ratio,
  preview,
  onChange,
}: {
  readonly ratio: number;
  readonly preview: PlanPreview | null;
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
      <dl className="two-ratios">
        <div>
          <dt>
            <Term name="ratioInWindow">{t('plan.inWindow')}</Term>
          </dt>
          <dd>{formats.percent(ratio)}</dd>
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
    </Field>
  );
}

function WindowField({
  kind,
  layerCount,
  window: [from, to],
  onChange,
}: {
  readonly kind: 'attention' | 'mlp';
  readonly layerCount: number;
  readonly window: readonly [number, number];
  readonly onChange: (window: [number, number]) => void;
}): ReactNode {
  const { t } = useTranslation();
  const id = useId();
  const name = t(`plan.windows.${kind}`);
  return (
    <div className="field">
      <div className="field-label">
        <Term name="window">
          <span id={id}>{name}</span>
        </Term>
        <span className="number">
          {from === to ? t('plan.noLayers') : t('plan.layersFromTo', { from, to: to - 1, count: to - from })}
        </span>
      </div>
      <Slider
        range
        value={[from, to]}
        min={0}
        max={layerCount}
        tooltip={{ open: false }}
        ariaLabelForHandle={[t('plan.firstLayer', { name }), t('plan.lastLayer', { name })]}
        ariaValueTextFormatterForHandle={[String, (value) => String(value - 1)]}
        onChange={([first, end]) => onChange([first, end])}
      />
    </div>
  );
}

/** Both windows at once: the one that scales with depth, or everything. */
function WindowPresets({
  model,
  prune,
  onChange,
}: PruneFieldsProps & { readonly model: ModelSummary }): ReactNode {
  const { t } = useTranslation();
  const presets = [
    { label: t('plan.defaultWindow'), window: model.defaultWindow },
    { label: t('plan.allLayers'), window: [0, model.layers.length] as [number, number] },
  ];
  const isSet = (window: readonly number[]): boolean =>
    [prune.layers.attention, prune.layers.mlp].every((set) => set.join() === window.join());
  return (
    <div className="window-presets">
      {presets.map(({ label, window }) => (
        <button
          key={label}
          type="button"
          className="link-button"
          aria-pressed={isSet(window)}
          onClick={() => onChange({ layers: { attention: window, mlp: window } })}
        >
          {label}
        </button>
      ))}
    </div>
  );
}

interface PruneFieldsProps {
  readonly prune: PruneSettings;
  readonly onChange: (change: Partial<PruneSettings>) => void;
}

function CriterionFields({ prune, onChange }: PruneFieldsProps): ReactNode {
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

function AdvancedFields({
  model,
  prune,
  onChange,
}: PruneFieldsProps & { readonly model: ModelSummary }): ReactNode {
  const { t } = useTranslation();
  const seedId = useId();
  const isGrouped = model.layers.some(({ heads, kvHeads }) => heads > kvHeads);
  return (
    <details className="advanced">
      <summary>{t('plan.advanced')}</summary>
      <ChoiceField
        name="gqa-fold"
        label={t('plan.gqaFold')}
        term="gqaFold"
        isDisabled={!isGrouped}
        value={prune.gqaFold}
        options={(['correct', 'published'] as const).map((value) => ({
          value,
          label: t(`plan.gqaFolds.${value}`),
        }))}
        remark={isGrouped ? t(`plan.gqaFoldTexts.${prune.gqaFold}`) : t('plan.notGrouped')}
        onChange={(gqaFold) => onChange({ gqaFold })}
      />
      <NumberField
        label={t('plan.steps')}
        term="steps"
        value={prune.steps ?? 1}
        min={1}
        max={1000}
        onChange={(steps) => steps !== null && onChange({ steps })}
      />
      <Field controlId={seedId} label={t('plan.seed')} term="seed">
        <InputNumber
          id={seedId}
          value={prune.seed}
          min={0}
          max={Number.MAX_SAFE_INTEGER}
          precision={0}
          onChange={(seed) => seed !== null && onChange({ seed })}
        />
      </Field>
    </details>
  );
}
