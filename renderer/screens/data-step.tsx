import { CloseOutlined } from '@ant-design/icons';
import { Button } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { TextMeasure, TextPreview } from '../../preload/contract.ts';
import { BeforeAfterBar } from '../components/before-after-bar.tsx';
import { ErrorNotice } from '../components/error-notice.tsx';
import { CostPanel } from '../evaluation/cost-panel.tsx';
import { TasksPanel } from '../evaluation/tasks-panel.tsx';
import { NumberField } from '../components/number-field.tsx';
import { Panel } from '../components/panel.tsx';
import { Screen } from '../components/screen.tsx';
import { TextSource } from '../components/text-source.tsx';
import { WizardSteps } from '../components/wizard-steps.tsx';
import { Term } from '../glossary/term.tsx';
import { useFormats } from '../language/use-formats.ts';
import { go } from '../studio/route.ts';
import { lacksCalibration, lacksTaskData } from '../wizard/draft.ts';
import { particularOf } from '../wizard/families.ts';
import { readsCalibration } from '../plan/plan-modes.ts';
import { useDraft } from '../wizard/draft-store.tsx';
import type { Asked } from '../wizard/use-asked.ts';
import { usePlanPreview } from '../wizard/use-plan-preview.ts';
import { useStartRun } from '../wizard/use-start-run.ts';
import { useTextMeasure, useTextPreview } from '../wizard/use-text-preview.ts';
import { NoModel } from './no-model.tsx';

/** Step 3: the text that judges the weights, and the text that judges the result. */
export function DataStep(): ReactNode {
  const { t } = useTranslation();
  const { draft } = useDraft();
  const { model } = draft;
  const { answer: preview } = usePlanPreview(model?.model.id, draft.prune, draft.scoresOf);
  const rows = useTextPreview(model?.model.id, {
    ...draft.calibration,
    sourceId: draft.calibrationText?.id ?? null,
  });
  const measure = useTextMeasure(model?.model.id, {
    ...draft.evaluation,
    textId: draft.evaluationText?.id ?? null,
  });
  const missing = model === null ? 'model' : lacksCalibration(draft) ? 'calibration' : null;
  const unusable =
    readsCalibration(draft.prune) && rows.failure !== null
      ? 'calibrationUnusable'
      : measure.failure !== null || measure.answer?.chunks === 0
        ? 'evaluationUnusable'
        : lacksTaskData(draft)
          ? 'taskData'
          : null;
  const blocked = missing ?? unusable;
  const { evaluate, isStarting, failure, forgetFailure } = useStartRun();
  return (
    <Screen
      title={t('steps.data')}
      subtitle={model?.model.name ?? ''}
      primary={{
        label: t('actions.toRecovery'),
        onAct: () => go({ screen: 'new', step: 'recovery' }),
        blockedBy: blocked && t(`data.missing.${blocked}`),
      }}
      actions={
        <Button
          onClick={evaluate}
          loading={isStarting}
          disabled={
            model === null ||
            !model.hasWeights ||
            (draft.evaluationText === null && draft.tasks === null && draft.cost === null) ||
            (unusable !== null && unusable !== 'calibrationUnusable')
          }
        >
          {t('actions.evaluateOnly')}
        </Button>
      }
      above={
        <>
          <WizardSteps current="data" runId={draft.runId} />
          <BeforeAfterBar before={model?.costs ?? null} after={preview?.after ?? null} isPredicted />
        </>
      }
    >
      {failure && <ErrorNotice error={failure} onClose={forgetFailure} />}
      {model === null ? (
        <NoModel />
      ) : (
        <div className="columns data-columns">
          <div className="column">
            <CalibrationPanel />
            <EvaluationPanel measure={measure} />
            <TasksPanel />
            <CostPanel />
          </div>
          <SamplesPanel rows={rows} />
        </div>
      )}
    </Screen>
  );
}

function CalibrationPanel(): ReactNode {
  const { t } = useTranslation();
  const { draft, dispatch } = useDraft();
  const { calibration } = draft;
  const needed = readsCalibration(draft.prune);
  const particular = draft.model && particularOf(draft.model.family, draft.model.model.name);
  return (
    <Panel title={<Term name="calibration">{t('data.calibration')}</Term>}>
      <p className="quiet">{needed ? t('data.calibrationText') : t('data.calibrationUnused')}</p>
      {needed && (particular === 'chatglm' || particular === 'chatglm2') && (
        <p className="family-note">{t(`families.calibration.${particular}`)}</p>
      )}
      <TextSource
        zone="calibration"
        text={draft.calibrationText}
        onChoose={(text) => dispatch({ type: 'calibration-text-chosen', text })}
      />
      <div className="field-row">
        <NumberField
          label={t('data.samples')}
          term="samples"
          value={calibration.samples}
          min={1}
          max={100_000}
          placeholder={t('data.automatic')}
          onChange={(samples) => dispatch({ type: 'calibration-changed', change: { samples } })}
        />
        <NumberField
          label={t('data.seqLen')}
          term="seqLen"
          value={calibration.seqLen}
          min={2}
          max={32_768}
          onChange={(seqLen) =>
            seqLen !== null && dispatch({ type: 'calibration-changed', change: { seqLen } })
          }
        />
        <NumberField
          label={t('plan.seed')}
          term="seed"
          value={calibration.seed}
          min={0}
          max={Number.MAX_SAFE_INTEGER}
          onChange={(seed) => seed !== null && dispatch({ type: 'calibration-changed', change: { seed } })}
        />
      </div>
    </Panel>
  );
}

function EvaluationPanel({ measure: asked }: { readonly measure: Asked<TextMeasure> }): ReactNode {
  const { t } = useTranslation();
  const { draft, dispatch } = useDraft();
  const { evaluation } = draft;
  const formats = useFormats();
  const { answer: measure, failure } = asked;
  return (
    <Panel title={<Term name="evaluation">{t('data.evaluation')}</Term>}>
      <p className="quiet">{t('data.evaluationText')}</p>
      <TextSource
        zone="evaluation"
        text={draft.evaluationText}
        onChoose={(text) => dispatch({ type: 'evaluation-text-chosen', text })}
      />
      {draft.moreEvaluationTexts.map(({ id, name }) => (
        <p key={id}>
          {t('data.furtherText', { name })}
          <Button
            size="small"
            type="text"
            icon={<CloseOutlined />}
            aria-label={t('data.removeText', { name })}
            onClick={() => dispatch({ type: 'further-evaluation-text-removed', id })}
          />
        </p>
      ))}
      <div className="field-row">
        <NumberField
          label={t('data.seqLen')}
          term="evaluationSeqLen"
          value={evaluation.seqLen}
          min={2}
          max={32_768}
          onChange={(seqLen) =>
            seqLen !== null && dispatch({ type: 'evaluation-changed', change: { seqLen } })
          }
        />
        <NumberField
          label={t('data.evaluationSamples')}
          term="evaluationSamples"
          value={evaluation.samples}
          min={1}
          max={Number.MAX_SAFE_INTEGER}
          placeholder={t('data.all')}
          onChange={(samples) => dispatch({ type: 'evaluation-changed', change: { samples } })}
        />
      </div>
      {measure?.chunks === 0 && (
        <p className="warning-notice">
          {t('data.evaluationShort', { seqLen: formats.count(evaluation.seqLen) })}
        </p>
      )}
      {measure && (
        <p className="number">
          {t('data.measure', {
            tokens: formats.count(measure.tokens),
            chunks: formats.count(measure.chunks),
          })}
        </p>
      )}
      {failure && <ErrorNotice error={failure} />}
    </Panel>
  );
}

function SamplesPanel({ rows }: { readonly rows: Asked<TextPreview> }): ReactNode {
  const { t } = useTranslation();
  const { draft } = useDraft();
  const { answer: preview, failure, isBusy } = rows;
  return (
    <Panel title={t('data.preview')} className="samples-panel">
      {failure && <ErrorNotice error={failure} />}
      {draft.calibrationText === null && <p className="empty">{t('data.previewEmpty')}</p>}
      {isBusy && preview === null && <p className="quiet">{t('data.reading')}</p>}
      {preview && failure === null && <Samples preview={preview} />}
    </Panel>
  );
}

function Samples({ preview }: { readonly preview: TextPreview }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  return (
    <>
      <p>
        {t(`data.kinds.${preview.kind}`, { rows: formats.count(preview.rows) })}
        {t('words.gap')}
        <span className="number">{t('data.tokensInAll', { tokens: formats.count(preview.tokens) })}</span>
      </p>
      <ol className="samples" tabIndex={0} aria-label={t('data.preview')}>
        {preview.samples.map(({ text, tokens }, i) => (
          <li key={i}>
            <span className="number">{t('data.tokens', { tokens: formats.count(tokens) })}</span>
            <span className="sample-text">{text}</span>
          </li>
        ))}
      </ol>
    </>
  );
}
