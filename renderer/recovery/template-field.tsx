import { Select } from 'antd';
import { useId, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Picked, StudioError } from '../../preload/contract.ts';
import { ErrorNotice } from '../components/error-notice.tsx';
import { Field } from '../components/field.tsx';
import { call, errorOf } from '../studio/bridge.ts';

const bundled = ['alpaca', 'vicuna', 'plain'] as const;
/** No template has this name. */
const another = '';

/** The prompt template: one that the studio brings, or a file. */
export function TemplateField({
  template,
  file,
  onChoose,
}: {
  /** A bundled one's name, or a file's id. */
  readonly template: string;
  /** The file last chosen. */
  readonly file: Picked | null;
  readonly onChoose: (template: string, file: Picked | null) => void;
}): ReactNode {
  const { t } = useTranslation();
  const controlId = useId();
  const [failure, setFailure] = useState<StudioError | null>(null);
  const isBundled = bundled.some((name) => name === template);
  const own = isBundled ? file : (file ?? { id: template, name: t('recovery.ownTemplate') });
  const pick = async (): Promise<void> => {
    try {
      const picked = await call('text:pick', undefined);
      if (picked !== null) onChoose(picked.id, picked);
      setFailure(null);
    } catch (thrown) {
      setFailure(errorOf(thrown));
    }
  };
  return (
    <>
      <Field controlId={controlId} label={t('recovery.template')} term="template">
        <Select
          id={controlId}
          virtual={false}
          value={template}
          options={[
            ...bundled.map((value: string) => ({
              value,
              label: t(`recovery.templates.${value as 'plain'}`),
            })),
            ...(own ? [{ value: own.id, label: own.name }] : []),
            { value: another, label: t('recovery.pickTemplate') },
          ]}
          onChange={(value) => (value === another ? void pick() : onChoose(value, file))}
        />
      </Field>
      {failure && <ErrorNotice error={failure} onClose={() => setFailure(null)} />}
    </>
  );
}
