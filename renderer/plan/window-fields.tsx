import { Slider } from 'antd';
import { useId, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ModelSummary } from '../../preload/contract.ts';
import { Term } from '../glossary/term.tsx';
import type { PruneFieldsProps } from './plan-settings.tsx';

export function WindowField({
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
export function WindowPresets({
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
