import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { PlanPreview, PruneSettings } from '../../preload/contract.ts';
import { useFormats } from '../language/use-formats.ts';
import { isByBlock } from './plan-modes.ts';

/** Matrix units compute in tiles of at least this many channels. */
const tile = 8;

type Layers = PlanPreview['layers'];

/** The first MLP width that a plan leaves and that is no whole number of tiles; null where there is none. */
export function unevenWidth(layers: Layers): number | null {
  const uneven = layers.find(
    ({ before, after }) =>
      after !== null && after.mlpWidth !== before.mlpWidth && after.mlpWidth % tile !== 0,
  );
  return uneven?.after?.mlpWidth ?? null;
}

/** Whether the layers that stay differ in width. */
export function hasUnlikeLayers(layers: Layers): boolean {
  const widths = layers.flatMap(({ after }) =>
    after === null ? [] : [[after.heads, after.kvHeads, after.mlpWidth].join()],
  );
  return new Set(widths).size > 1;
}

/** What a person should know of the widths that a plan comes to, each with what changes it. */
export function PlanNotes({
  layers,
  prune,
  onChange,
}: {
  readonly layers: Layers;
  readonly prune: PruneSettings;
  readonly onChange: (change: Partial<PruneSettings>) => void;
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  if (!isByBlock(prune)) return null;
  const width = unevenWidth(layers);
  return (
    <>
      {width !== null && (
        <p className="quiet">
          {t('plan.uneven', {
            width: formats.count(width),
            next: formats.count(Math.ceil(width / tile) * tile),
            tile,
          })}
          {t('words.gap')}
          <button type="button" className="link-button" onClick={() => onChange({ round: tile })}>
            {t('plan.roundTo', { tile })}
          </button>
        </p>
      )}
      {hasUnlikeLayers(layers) && prune.uniform !== true && (
        <p className="quiet">
          {t('plan.unlike')}
          {t('words.gap')}
          <button type="button" className="link-button" onClick={() => onChange({ uniform: true })}>
            {t('plan.makeUniform')}
          </button>
        </p>
      )}
    </>
  );
}
