import { Input } from 'antd';
import { useId, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Sampling } from '../../preload/generation-contract.ts';
import { Field } from '../components/field.tsx';
import { NumberField } from '../components/number-field.tsx';

/** How the next token is drawn; an emptied field goes back to what changes nothing. */
export function SamplingFields({
  sampling,
  onChange,
}: {
  readonly sampling: Sampling;
  readonly onChange: (change: Partial<Sampling>) => void;
}): ReactNode {
  const { t } = useTranslation();
  const stopId = useId();
  return (
    <div className="sampling">
      <div className="field-row">
        <NumberField
          label={t('generation.temperature')}
          term="temperature"
          value={sampling.temperature}
          min={0}
          max={100}
          step={0.1}
          isWhole={false}
          onChange={(temperature) => onChange({ temperature: temperature ?? 0 })}
        />
        <NumberField
          label={t('generation.topP')}
          term="topP"
          value={sampling.topP}
          min={0.01}
          max={1}
          step={0.05}
          isWhole={false}
          onChange={(topP) => onChange({ topP: topP ?? 1 })}
        />
        <NumberField
          label={t('generation.topK')}
          term="topK"
          value={sampling.topK}
          min={0}
          max={1_000_000}
          onChange={(topK) => onChange({ topK: topK ?? 0 })}
        />
        <NumberField
          label={t('generation.repetitionPenalty')}
          term="repetitionPenalty"
          value={sampling.repetitionPenalty}
          min={0.01}
          max={10}
          step={0.05}
          isWhole={false}
          onChange={(repetitionPenalty) => onChange({ repetitionPenalty: repetitionPenalty ?? 1 })}
        />
        <NumberField
          label={t('generation.maxNewTokens')}
          term="maxNewTokens"
          value={sampling.maxNewTokens}
          min={1}
          max={131_072}
          onChange={(maxNewTokens) => onChange({ maxNewTokens: maxNewTokens ?? 128 })}
        />
        <NumberField
          label={t('generation.seed')}
          term="seed"
          value={sampling.seed}
          min={0}
          max={Number.MAX_SAFE_INTEGER}
          onChange={(seed) => onChange({ seed: seed ?? 42 })}
        />
      </div>
      <Field controlId={stopId} label={t('generation.stop')} term="stopStrings">
        <Input.TextArea
          id={stopId}
          rows={2}
          placeholder={t('generation.stopHint')}
          defaultValue={sampling.stop.join('\n')}
          onChange={(event) => {
            const lines = event.target.value.split('\n').filter((line) => line !== '');
            onChange({ stop: lines.slice(0, 16) });
          }}
        />
      </Field>
    </div>
  );
}
