import { useEffect, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ModelSummary } from '../../preload/contract.ts';
import type { TrainingForecast, TrainingPreview } from '../../preload/recovery-contract.ts';
import { BeforeAfterBar } from '../components/before-after-bar.tsx';
import { ChoiceField } from '../components/choice-field.tsx';
import { ErrorNotice } from '../components/error-notice.tsx';
import { OnOff } from '../components/on-off.tsx';
import { Panel } from '../components/panel.tsx';
import { Screen } from '../components/screen.tsx';
import { TextSource } from '../components/text-source.tsx';
import { WizardSteps } from '../components/wizard-steps.tsx';
import { Term } from '../glossary/term.tsx';
import { askedPlan } from '../plan/plan-modes.ts';
import { DetailFields } from '../recovery/detail-fields.tsx';
import {
  assumedMsPerToken,
  budgetMsOf,
  demoRecovery,
  presetOf,
  type PresetGround,
  type PresetName,
} from '../recovery/presets.ts';
import { RowsPanel } from '../recovery/rows-panel.tsx';
import { TimePanel } from '../recovery/time-panel.tsx';
import { useTrainingForecast, useTrainingPreview } from '../recovery/use-recovery.ts';
import { useStudio } from '../studio/studio-store.ts';
import { missingFor, recoverSettingsOf } from '../wizard/draft.ts';
import { useDraft } from '../wizard/draft-store.tsx';
import type { Asked } from '../wizard/use-asked.ts';
import { usePlanPreview } from '../wizard/use-plan-preview.ts';
import { useStartRun } from '../wizard/use-start-run.ts';
import { NoModel } from './no-model.tsx';

/** Step 4: whether the pruned model is trained back, on what, and for how long. */
export function RecoveryStep(): ReactNode {
  const { t } = useTranslation();
  const { draft } = useDraft();
  const { model } = draft;
  const { answer: preview } = usePlanPreview(model?.model.id, draft.prune, draft.scoresOf);
  const { start, isStarting, failure, forgetFailure } = useStartRun();
  const rows = useTrainingPreview(draft.recovers ? model?.model.id : undefined, recoverSettingsOf(draft));
  const unusable = draft.recovers && rows.failure !== null ? 'recoveryUnusable' : null;
  const blocked = missingFor(draft) ?? unusable;
  return (
    <Screen
      title={t('steps.recovery')}
      subtitle={t('recovery.subtitle')}
      primary={{
        label: t('actions.start'),
        onAct: start,
        blockedBy: blocked && t(`data.missing.${blocked}`),
        isBusy: isStarting,
      }}
      above={
        <>
          <WizardSteps current="recovery" runId={draft.runId} />
          <BeforeAfterBar before={model?.costs ?? null} after={preview?.after ?? null} isPredicted />
        </>
      }
    >
      {failure && <ErrorNotice error={failure} onClose={forgetFailure} />}
      {model === null ? <NoModel /> : <Recovery model={model} rows={rows} />}
    </Screen>
  );
}

function Recovery({
  model,
  rows,
}: {
  readonly model: ModelSummary;
  readonly rows: Asked<TrainingPreview>;
}): ReactNode {
  const { t } = useTranslation();
  const { draft, dispatch } = useDraft();
  const modelId = draft.recovers ? model.model.id : undefined;
  const recover = recoverSettingsOf(draft);
  const prune = askedPlan(draft.prune);
  const time = useTrainingForecast(model.hasWeights ? modelId : undefined, prune, recover);
  const ground = useGround(model, rows.answer?.rows ?? null, time.answer);
  useFittedPreset(ground, time.isBusy ? null : time.answer);
  const hasData = draft.recoveryText !== null;
  return (
    <div className="columns data-columns">
      <div className="column">
        <SwitchPanel ground={ground} />
        {draft.recovers && (
          <>
            <DataPanel />
            <SettingsPanel model={model} ground={ground} />
          </>
        )}
      </div>
      <div className="column">
        {draft.recovers ? (
          <>
            <TimePanel
              hasData={hasData}
              hasWeights={model.hasWeights}
              asked={time}
              warmupSteps={recover.warmupSteps}
              onSteps={(steps) => dispatch({ type: 'recovery-changed', change: { steps } })}
            />
            <RowsPanel hasData={hasData} asked={rows} />
          </>
        ) : (
          <p className="empty">{t('recovery.offEmpty')}</p>
        )}
      </div>
    </div>
  );
}

/** What a preset is fitted to: the pace that was measured, or a cautious guess before. */
function useGround(
  { costs }: ModelSummary,
  rows: number | null,
  forecast: TrainingForecast | null,
): PresetGround {
  const threads = useStudio(({ info }) => info?.threads ?? 1);
  if (forecast === null || forecast.tokens === 0)
    return { msPerToken: assumedMsPerToken(costs.parameters, threads), rows };
  return { msPerToken: (forecast.steps * forecast.stepMs) / forecast.tokens, rows };
}

/** Above its budget by more than measuring is off, a preset gives way. */
const tolerance = 1.3;

/** A preset that promises an evening does not take a week: it loses steps once the machine's pace is known. */
function useFittedPreset(ground: PresetGround, forecast: TrainingForecast | null): void {
  const { draft, dispatch } = useDraft();
  const { recoveryPreset: preset, recovery } = draft;
  useEffect(() => {
    const budgetMs = budgetMsOf(preset);
    if (forecast === null || budgetMs === null || preset === null || preset === 'demo') return;
    if (forecast.trainingMs <= tolerance * budgetMs) return;
    const fitted = presetOf(preset, recovery, ground);
    const isSame = fitted.steps === recovery.steps && fitted.batchSize === recovery.batchSize;
    if (!isSame) dispatch({ type: 'recovery-preset-chosen', preset, recovery: fitted });
  }, [preset, recovery, ground, forecast, dispatch]);
}

function useChoosePreset(ground: PresetGround): (preset: PresetName | 'demo') => void {
  const { draft, dispatch } = useDraft();
  return (preset) =>
    dispatch({
      type: 'recovery-preset-chosen',
      preset,
      recovery: preset === 'demo' ? demoRecovery : presetOf(preset, draft.recovery, ground),
    });
}

function SwitchPanel({ ground }: { readonly ground: PresetGround }): ReactNode {
  const { t } = useTranslation();
  const { draft, dispatch } = useDraft();
  const choosePreset = useChoosePreset(ground);
  const turn = (isOn: boolean): void => {
    // What was never set begins with what this machine can do.
    if (isOn && draft.recoveryPreset === null && draft.recoveryText === null) choosePreset('quick');
    dispatch({ type: 'recovery-switched', isOn });
  };
  return (
    <Panel
      title={<Term name="recovery">{t('recovery.switch')}</Term>}
      actions={<OnOff name="recovers" label={t('recovery.switch')} isOn={draft.recovers} onTurn={turn} />}
    >
      <p className="quiet">{t(draft.recovers ? 'recovery.onText' : 'recovery.offText')}</p>
    </Panel>
  );
}

function DataPanel(): ReactNode {
  const { t } = useTranslation();
  const { draft, dispatch } = useDraft();
  return (
    <Panel title={<Term name="recoveryData">{t('data.recovery')}</Term>}>
      <p className="quiet">{t('recovery.dataText')}</p>
      <TextSource
        zone="recovery"
        text={draft.recoveryText}
        onChoose={(text) => dispatch({ type: 'recovery-text-chosen', text })}
      />
    </Panel>
  );
}

function SettingsPanel({
  model,
  ground,
}: {
  readonly model: ModelSummary;
  readonly ground: PresetGround;
}): ReactNode {
  const { t } = useTranslation();
  const { draft, dispatch } = useDraft();
  const { recovery, recoveryPreset: preset } = draft;
  const choosePreset = useChoosePreset(ground);
  const change = (part: Partial<typeof recovery>): void =>
    dispatch({ type: 'recovery-changed', change: part });
  const presets: readonly (PresetName | 'demo')[] = [
    ...(draft.isDemo ? (['demo'] as const) : []),
    'quick',
    'thorough',
    'published',
  ];
  return (
    <Panel title={t('recovery.length')}>
      <div className="field">
        <div className="field-label">
          <Term name="preset">{t('recovery.preset')}</Term>
        </div>
        <div className="presets" role="group" aria-label={t('recovery.preset')}>
          {presets.map((name) => (
            <button
              key={name}
              type="button"
              className="preset"
              aria-pressed={name === preset}
              onClick={() => choosePreset(name)}
            >
              {t(`recovery.presets.${name}.name`)}
            </button>
          ))}
        </div>
        <p className="field-remark">
          {preset === null ? t('recovery.presetOwn') : t(`recovery.presets.${preset}.text`)}
        </p>
      </div>
      <ResultFields />
      <DetailFields
        recovery={recovery}
        targets={model.adapterTargets}
        templateFile={draft.recoveryTemplate}
        onChange={change}
        onTemplate={(template, file) => dispatch({ type: 'recovery-template-chosen', template, file })}
      />
    </Panel>
  );
}

/** What comes out: they change nothing of the training itself. */
function ResultFields(): ReactNode {
  const { t } = useTranslation();
  const { draft, dispatch } = useDraft();
  const { recovery } = draft;
  return (
    <div className="result-fields">
      <ChoiceField
        name="output"
        label={t('recovery.output')}
        term="output"
        value={recovery.output}
        options={(['merged', 'adapter'] as const).map((value) => ({
          value,
          label: t(`recovery.outputs.${value}`),
        }))}
        onChange={(output) => dispatch({ type: 'recovery-changed', change: { output } })}
      />
      <ChoiceField
        name="control"
        label={t('recovery.control')}
        term="control"
        value={recovery.control ? 'yes' : 'no'}
        options={(['no', 'yes'] as const).map((value) => ({
          value,
          label: t(`recovery.controls.${value}`),
        }))}
        onChange={(value) => dispatch({ type: 'recovery-changed', change: { control: value === 'yes' } })}
      />
    </div>
  );
}
