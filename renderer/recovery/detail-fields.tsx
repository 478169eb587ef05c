import { Checkbox, Select } from 'antd';
import { useId, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Picked } from '../../preload/contract.ts';
import { ChoiceField } from '../components/choice-field.tsx';
import { Field } from '../components/field.tsx';
import { NumberField } from '../components/number-field.tsx';
import { Term, type TermName } from '../glossary/term.tsx';
import { TemplateField } from './template-field.tsx';
import type { RecoveryDraft } from './presets.ts';

export interface DetailFieldsProps {
  readonly recovery: RecoveryDraft;
  /** The linear weights of the model that can have an adapter. */
  readonly targets: readonly string[];
  /** The prompt template of one's own that was last chosen. */
  readonly templateFile: Picked | null;
  readonly onChange: (change: Partial<RecoveryDraft>) => void;
  readonly onTemplate: (template: string, file: Picked | null) => void;
}

/** Every key of a recovery, for those who know what they want. */
export function DetailFields(props: DetailFieldsProps): ReactNode {
  const { t } = useTranslation();
  return (
    <details className="advanced">
      <summary>{t('recovery.details')}</summary>
      <div className="detail-groups">
        <Group name="data">
          <DataFields {...props} />
        </Group>
        <Group name="adapter">
          <AdapterFields {...props} />
        </Group>
        <Group name="training">
          <TrainingFields {...props} />
        </Group>
        <Group name="checks">
          <CheckFields {...props} />
        </Group>
      </div>
    </details>
  );
}

function Group({
  name,
  children,
}: {
  readonly name: 'data' | 'adapter' | 'training' | 'checks';
  readonly children: ReactNode;
}): ReactNode {
  const { t } = useTranslation();
  return (
    <fieldset className="detail-group">
      <legend>{t(`recovery.groups.${name}`)}</legend>
      {children}
    </fieldset>
  );
}

const mostSteps = 1_000_000;
const mostRows = 65_536;

function DataFields({ recovery, templateFile, onChange, onTemplate }: DetailFieldsProps): ReactNode {
  const { t } = useTranslation();
  return (
    <>
      <TemplateField template={recovery.template} file={templateFile} onChoose={onTemplate} />
      <ChoiceField
        name="train-on-inputs"
        label={t('recovery.trainOnInputs')}
        term="trainOnInputs"
        value={recovery.trainOnInputs ? 'everything' : 'answers'}
        options={(['answers', 'everything'] as const).map((value) => ({
          value,
          label: t(`recovery.learnChoices.${value}`),
        }))}
        onChange={(value) => onChange({ trainOnInputs: value === 'everything' })}
      />
      <ChoiceField
        name="frozen-base"
        label={t('recovery.base')}
        term="frozenBase"
        value={recovery.base}
        options={(['stored', 'int8'] as const).map((value) => ({
          value,
          label: t(`recovery.bases.${value}`),
        }))}
        onChange={(base) => onChange({ base })}
      />
      <div className="field-row">
        <NumberField
          label={t('recovery.fields.cutoff')}
          term="cutoff"
          value={recovery.cutoff}
          min={2}
          max={32_768}
          onChange={(cutoff) => cutoff !== null && onChange({ cutoff })}
        />
        <NumberField
          label={t('recovery.fields.maxRows')}
          term="maxRows"
          value={recovery.maxRows}
          min={1}
          max={1_000_000}
          placeholder={t('recovery.all')}
          onChange={(maxRows) => onChange({ maxRows })}
        />
      </div>
    </>
  );
}

function AdapterFields({ recovery, targets, onChange }: DetailFieldsProps): ReactNode {
  const { t } = useTranslation();
  const { lora } = recovery;
  const change = (part: Partial<RecoveryDraft['lora']>): void => onChange({ lora: { ...lora, ...part } });
  const chosen = lora.targets === 'all-linear' ? targets : lora.targets;
  return (
    <>
      <div className="field-row">
        <NumberField
          label={t('recovery.fields.rank')}
          term="rank"
          value={lora.rank}
          min={1}
          max={1024}
          onChange={(rank) => rank !== null && change({ rank })}
        />
        <NumberField
          label={t('recovery.fields.alpha')}
          term="alpha"
          value={lora.alpha}
          min={0.01}
          max={4096}
          isWhole={false}
          onChange={(alpha) => alpha !== null && change({ alpha })}
        />
        <NumberField
          label={t('recovery.fields.dropout')}
          term="dropout"
          value={lora.dropout}
          min={0}
          max={0.99}
          step={0.01}
          isWhole={false}
          onChange={(dropout) => dropout !== null && change({ dropout })}
        />
      </div>
      <div className="field">
        <div className="field-label">
          <Term name="targets">{t('recovery.targets')}</Term>
        </div>
        <div className="target-choices" role="group" aria-label={t('recovery.targets')}>
          {targets.map((target) => {
            const isChosen = chosen.includes(target);
            return (
              <Checkbox
                key={target}
                checked={isChosen}
                // One has to stay.
                disabled={isChosen && chosen.length === 1}
                onChange={() => {
                  const next = targets.filter((name) =>
                    name === target ? !isChosen : chosen.includes(name),
                  );
                  change({ targets: next.length === targets.length ? 'all-linear' : next });
                }}
              >
                <code>{target}</code>
              </Checkbox>
            );
          })}
        </div>
      </div>
    </>
  );
}

function TrainingFields({ recovery, onChange }: DetailFieldsProps): ReactNode {
  const { t } = useTranslation();
  const scheduleId = useId();
  const number = (
    key: 'batchSize' | 'learningRate' | 'warmupSteps' | 'weightDecay' | 'maxGradNorm' | 'epochs',
    limits: {
      readonly min: number;
      readonly max: number;
      readonly step?: number;
      readonly isWhole?: boolean;
    },
    term: TermName = key,
  ): ReactNode => (
    <NumberField
      label={t(`recovery.fields.${key}`)}
      term={term}
      value={recovery[key]}
      {...limits}
      onChange={(value) => value !== null && onChange({ [key]: value })}
    />
  );
  return (
    <>
      <div className="field-row">
        {number('epochs', { min: 0.01, max: 1000, isWhole: false })}
        <NumberField
          label={t('recovery.fields.steps')}
          term="steps"
          value={recovery.steps}
          min={1}
          max={mostSteps}
          placeholder={t('recovery.byEpochs')}
          onChange={(steps) => onChange({ steps })}
        />
        {number('batchSize', { min: 1, max: mostRows })}
        <NumberField
          label={t('recovery.fields.microBatch')}
          term="microBatch"
          value={recovery.microBatch}
          min={1}
          max={mostRows}
          placeholder={t('recovery.automatic')}
          onChange={(microBatch) => onChange({ microBatch })}
        />
        {number('learningRate', { min: 1e-6, max: 1, step: 1e-4, isWhole: false })}
        {number('warmupSteps', { min: 0, max: mostSteps })}
        {number('weightDecay', { min: 0, max: 1, step: 0.01, isWhole: false })}
        {number('maxGradNorm', { min: 0.001, max: 1000, step: 0.1, isWhole: false })}
        <NumberField
          label={t('plan.seed')}
          term="seed"
          value={recovery.seed}
          min={0}
          max={Number.MAX_SAFE_INTEGER}
          onChange={(seed) => seed !== null && onChange({ seed })}
        />
      </div>
      <Field controlId={scheduleId} label={t('recovery.fields.schedule')} term="schedule">
        <Select
          id={scheduleId}
          virtual={false}
          value={recovery.schedule}
          options={(['linear', 'cosine'] as const).map((value) => ({
            value,
            label: t(`recovery.schedules.${value}`),
          }))}
          onChange={(schedule) => onChange({ schedule })}
        />
      </Field>
    </>
  );
}

function CheckFields({ recovery, onChange }: DetailFieldsProps): ReactNode {
  const { t } = useTranslation();
  const { validation, checkpoint } = recovery;
  const validate = (part: Partial<RecoveryDraft['validation']>): void =>
    onChange({ validation: { ...validation, ...part } });
  const keep = (part: Partial<RecoveryDraft['checkpoint']>): void =>
    onChange({ checkpoint: { ...checkpoint, ...part } });
  return (
    <div className="field-row">
      <NumberField
        label={t('recovery.fields.validationRows')}
        term="validationRows"
        value={validation.rows}
        min={0}
        max={1_000_000}
        placeholder={t('recovery.twentieth')}
        onChange={(rows) => validate({ rows })}
      />
      <NumberField
        label={t('recovery.fields.validationEvery')}
        term="validationEvery"
        value={validation.everySteps}
        min={1}
        max={mostSteps}
        onChange={(everySteps) => everySteps !== null && validate({ everySteps })}
      />
      <NumberField
        label={t('recovery.fields.patience')}
        term="patience"
        value={validation.patience}
        min={1}
        max={mostSteps}
        placeholder={t('recovery.never')}
        onChange={(patience) => validate({ patience })}
      />
      <NumberField
        label={t('recovery.fields.checkpointEvery')}
        term="checkpoint"
        value={checkpoint.everySteps}
        min={1}
        max={mostSteps}
        onChange={(everySteps) => everySteps !== null && keep({ everySteps })}
      />
      <NumberField
        label={t('recovery.fields.checkpointMinutes')}
        term="checkpoint"
        value={checkpoint.everyMinutes}
        min={0.1}
        max={1440}
        isWhole={false}
        onChange={(everyMinutes) => everyMinutes !== null && keep({ everyMinutes })}
      />
    </div>
  );
}
