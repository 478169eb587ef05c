import { CloseOutlined, FileTextOutlined } from '@ant-design/icons';
import { Button, InputNumber } from 'antd';
import { useId, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ModelSummary, Picked, StudioError, TextPreview } from '../../preload/contract.ts';
import { BeforeAfterBar } from '../components/before-after-bar.tsx';
import { ErrorNotice } from '../components/error-notice.tsx';
import { Field } from '../components/field.tsx';
import { Panel } from '../components/panel.tsx';
import { Screen } from '../components/screen.tsx';
import { WizardSteps } from '../components/wizard-steps.tsx';
import { Term, type TermName } from '../glossary/term.tsx';
import { useFormats } from '../language/use-formats.ts';
import { call, errorOf } from '../studio/bridge.ts';
import { go } from '../studio/route.ts';
import { missingFor, runSettingsOf, usesGradient } from '../wizard/draft.ts';
import { useDraft } from '../wizard/draft-store.tsx';
import { usePlanPreview } from '../wizard/use-plan-preview.ts';
import { useTextMeasure, useTextPreview } from '../wizard/use-text-preview.ts';
import { NoModel } from './no-model.tsx';

/** Step 3: the text that judges the weights, and the text that judges the result. */
export function DataStep(): ReactNode {
  const { t } = useTranslation();
  const { draft, dispatch } = useDraft();
  const { model } = draft;
  const { answer: preview } = usePlanPreview(model?.model.id, draft.prune);
  const [isStarting, setStarting] = useState(false);
  const [failure, setFailure] = useState<StudioError | null>(null);
  const missing = missingFor(draft);

  const start = async (): Promise<void> => {
    setStarting(true);
    setFailure(null);
    try {
      const { runId } = await call('run:start', runSettingsOf(draft));
      dispatch({ type: 'started', runId });
      go({ screen: 'run', runId, view: 'progress' });
    } catch (thrown) {
      setFailure(errorOf(thrown));
    } finally {
      setStarting(false);
    }
  };
  return (
    <Screen
      title={t('steps.data')}
      subtitle={model?.model.name ?? ''}
      primary={{
        label: t('actions.start'),
        onAct: () => void start(),
        blockedBy: missing && t(`data.missing.${missing}`),
        isBusy: isStarting,
      }}
      above={
        <>
          <WizardSteps current="data" runId={draft.runId} />
          <BeforeAfterBar before={model?.costs ?? null} after={preview?.after ?? null} isPredicted />
        </>
      }
    >
      {failure && <ErrorNotice error={failure} onClose={() => setFailure(null)} />}
      {model === null ? (
        <NoModel />
      ) : (
        <div className="columns data-columns">
          <div className="column">
            <CalibrationPanel />
            <EvaluationPanel />
          </div>
          <SamplesPanel model={model} />
        </div>
      )}
    </Screen>
  );
}

function CalibrationPanel(): ReactNode {
  const { t } = useTranslation();
  const { draft, dispatch } = useDraft();
  const { calibration } = draft;
  const needed = usesGradient(draft.prune.criterion);
  return (
    <Panel title={<Term name="calibration">{t('data.calibration')}</Term>}>
      <p className="quiet">{needed ? t('data.calibrationText') : t('data.calibrationUnused')}</p>
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

function EvaluationPanel(): ReactNode {
  const { t } = useTranslation();
  const { draft, dispatch } = useDraft();
  const { evaluation } = draft;
  const formats = useFormats();
  const { answer: measure, failure } = useTextMeasure(draft.model?.model.id, {
    ...evaluation,
    textId: draft.evaluationText?.id ?? null,
  });
  return (
    <Panel title={<Term name="evaluation">{t('data.evaluation')}</Term>}>
      <p className="quiet">{t('data.evaluationText')}</p>
      <TextSource
        zone="evaluation"
        text={draft.evaluationText}
        onChoose={(text) => dispatch({ type: 'evaluation-text-chosen', text })}
      />
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
      {failure && failure.code !== 'superseded' && <ErrorNotice error={failure} />}
    </Panel>
  );
}

function TextSource({
  zone,
  text,
  onChoose,
}: {
  readonly zone: 'calibration' | 'evaluation';
  readonly text: Picked | null;
  readonly onChoose: (text: Picked | null) => void;
}): ReactNode {
  const { t } = useTranslation();
  const [failure, setFailure] = useState<StudioError | null>(null);
  const choose = async (find: () => Promise<Picked | null>): Promise<void> => {
    try {
      const picked = await find();
      if (picked !== null) onChoose(picked);
      setFailure(null);
    } catch (thrown) {
      setFailure(errorOf(thrown));
    }
  };
  return (
    <div className="text-source">
      {text === null ? (
        <p className="text-source-file none">{t('data.noText')}</p>
      ) : (
        <p className="text-source-file" title={text.path}>
          <FileTextOutlined aria-hidden="true" />
          <span>{text.name}</span>
          <Button
            type="text"
            size="small"
            icon={<CloseOutlined />}
            aria-label={t('data.removeText', { name: text.name })}
            onClick={() => onChoose(null)}
          />
        </p>
      )}
      <div className="text-source-buttons">
        <Button
          onClick={() => void choose(() => call('text:pick', undefined))}
          aria-label={`${t('actions.pickText')}: ${t(`data.${zone}`)}`}
        >
          {t('actions.pickText')}
        </Button>
        <Button
          onClick={() => void choose(async () => (await call('text:demo', undefined))[zone])}
          aria-label={`${t('actions.useDemoText')}: ${t(`data.${zone}`)}`}
        >
          {t('actions.useDemoText')}
        </Button>
      </div>
      {failure && <ErrorNotice error={failure} onClose={() => setFailure(null)} />}
    </div>
  );
}

function NumberField({
  label,
  term,
  value,
  min,
  max,
  placeholder,
  onChange,
}: {
  readonly label: string;
  readonly term: TermName;
  readonly value: number | null;
  readonly min: number;
  readonly max: number;
  readonly placeholder?: string;
  readonly onChange: (value: number | null) => void;
}): ReactNode {
  const id = useId();
  return (
    <Field controlId={id} label={label} term={term}>
      <InputNumber
        id={id}
        value={value}
        min={min}
        max={max}
        precision={0}
        placeholder={placeholder}
        onChange={onChange}
      />
    </Field>
  );
}

function SamplesPanel({ model }: { readonly model: ModelSummary }): ReactNode {
  const { t } = useTranslation();
  const { draft } = useDraft();
  const {
    answer: preview,
    failure,
    isBusy,
  } = useTextPreview(model.model.id, {
    ...draft.calibration,
    sourceId: draft.calibrationText?.id ?? null,
  });
  return (
    <Panel title={t('data.preview')} className="samples-panel">
      {failure && failure.code !== 'superseded' && <ErrorNotice error={failure} />}
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
