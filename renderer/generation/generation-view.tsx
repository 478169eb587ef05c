import { Checkbox, Input } from 'antd';
import { useId, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { ChoiceField } from '../components/choice-field.tsx';
import { ErrorNotice } from '../components/error-notice.tsx';
import { Field } from '../components/field.tsx';
import { Panel } from '../components/panel.tsx';
import { Answers } from './answers.tsx';
import { SamplingFields } from './sampling-fields.tsx';
import type { GenerationDesk } from './use-generation-desk.ts';

/** One prompt, answered by several models next to each other. */
export function GenerationView({ desk }: { readonly desk: GenerationDesk }): ReactNode {
  const { t } = useTranslation();
  const promptId = useId();
  const systemId = useId();
  const { asked, generation, models } = desk;
  const failure = desk.failure ?? generation.failure;
  return (
    <>
      <div className="columns data-columns">
        <Panel title={t('generation.prompt')}>
          <ChoiceField
            name="prompt-form"
            label={t('generation.form')}
            term="chatTemplate"
            value={asked.form}
            options={(['text', 'chat'] as const).map((value) => ({
              value,
              label: t(`generation.forms.${value}`),
            }))}
            onChange={(form) => desk.change({ form })}
          />
          {asked.form === 'chat' && (
            <Field controlId={systemId} label={t('generation.system')} term="chatTemplate">
              <Input
                id={systemId}
                value={asked.system}
                onChange={(event) => desk.change({ system: event.target.value })}
              />
            </Field>
          )}
          <label className="visually-hidden" htmlFor={promptId}>
            {t('generation.prompt')}
          </label>
          <Input.TextArea
            id={promptId}
            rows={3}
            value={asked.text}
            placeholder={t('generation.promptHint')}
            onChange={(event) => desk.change({ text: event.target.value })}
          />
          <fieldset className="generation-models">
            <legend>{t('generation.models')}</legend>
            {models.map(({ key, name }) => (
              <Checkbox
                key={key}
                checked={desk.chosen.some((model) => model.key === key)}
                onChange={(event) => desk.choose(key, event.target.checked)}
              >
                {name}
              </Checkbox>
            ))}
          </fieldset>
          {desk.withoutChat.map((name) => (
            <p className="warning-notice" key={name}>
              {t('generation.noChat', { name })}
            </p>
          ))}
        </Panel>
        <Panel title={t('generation.sampling')}>
          <SamplingFields
            sampling={asked.sampling}
            onChange={(change) => desk.change({ sampling: { ...asked.sampling, ...change } })}
          />
        </Panel>
      </div>
      {failure && <ErrorNotice error={failure} />}
      {generation.sources.length > 0 && (
        <Answers names={desk.askedNames} sources={generation.sources} onStop={generation.stop} />
      )}
    </>
  );
}
