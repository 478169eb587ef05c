import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { PlanPreview, PruneSettings } from '../../preload/contract.ts';
import { useFormats } from '../language/use-formats.ts';
import { byQueryHead, isByBlock, modeOf, uniformOver } from './plan-modes.ts';

/** Whether the layers that stay differ in width. */
export function hasUnlikeLayers(layers: PlanPreview['layers']): boolean {
  const widths = layers
    .map(({ after }) => [after.heads, after.kvHeads, after.mlpWidth].join())
    .filter((width) => width !== '0,0,0');
  return new Set(widths).size > 1;
}

/** Whether a layer's KV groups are too few for the ratio to take one, and all heads stay where they were to go. */
export function losesNoAttention(
  layers: PlanPreview['layers'],
  prune: Pick<PruneSettings, 'mode' | 'unit' | 'ratio' | 'target' | 'layers' | 'edits'>,
): boolean {
  const { unit, ratio, target, layers: windows, edits } = prune;
  if (!isByBlock(prune) || unit === 'query-head' || target || ratio === 0) return false;
  if (edits && edits.exclude.attention.length > 0) return false;
  const asked = layers.slice(...windows.attention);
  return (
    asked.length > 0 &&
    asked.every(({ before, after }) => before.heads > before.kvHeads && after.heads === before.heads)
  );
}

/** Widths of this many channels suit matrix units. */
const tile = 64;

/** What a person should know of the widths that a plan comes to, each with what changes it. */
export function PlanNotes({
  preview: { layers, unevenWidths, hiddenSize },
  prune,
  onChange,
}: {
  readonly preview: PlanPreview;
  readonly prune: PruneSettings;
  readonly onChange: (change: Partial<PruneSettings>) => void;
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  return (
    <>
      {hiddenSize && (
        <p>
          {t('plan.hiddenFromTo', {
            before: formats.count(hiddenSize.before),
            after: formats.count(hiddenSize.after),
          })}
        </p>
      )}
      {losesNoAttention(layers, prune) && (
        <p className="quiet">
          {t('plan.attentionWhole', { groups: formats.count(layers[0].before.kvHeads) })}
          {t('words.gap')}
          <button type="button" className="link-button" onClick={() => onChange(byQueryHead(prune))}>
            {t('plan.takeQueryHeads')}
          </button>
        </p>
      )}
      {unevenWidths.length > 0 && modeOf(prune) !== 'layer' && (
        <p className="quiet">
          {t('plan.uneven', { width: formats.count(unevenWidths[0]), tile })}
          {t('words.gap')}
          <button type="button" className="link-button" onClick={() => onChange({ round: tile })}>
            {t('plan.roundTo', { tile })}
          </button>
        </p>
      )}
      {isByBlock(prune) && hasUnlikeLayers(layers) && prune.uniform !== true && (
        <p className="quiet">
          {t('plan.unlike')}
          {t('words.gap')}
          <button type="button" className="link-button" onClick={() => onChange(uniformOver(layers.length))}>
            {t('plan.makeUniform')}
          </button>
        </p>
      )}
    </>
  );
}
