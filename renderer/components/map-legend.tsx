import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { headsPerGroup, type MapLayer } from '../model-map/map-layers.ts';
import type { Removal } from '../model-map/paint-map.ts';
import { Term } from '../glossary/term.tsx';

/** What the colours and shapes of a map mean; always beside it. */
export function MapLegend({
  layers,
  removal,
  isLit = false,
}: {
  readonly layers: readonly MapLayer[];
  readonly removal: Removal;
  /** Whether a chain of dependencies is on it. */
  readonly isLit?: boolean;
}): ReactNode {
  const { t } = useTranslation();
  const hasScores = layers.some(
    ({ headScores, channelScores }) => headScores !== null || channelScores !== null,
  );
  const isPruned = layers.some(
    ({ before, after }) => before.heads !== after.heads || before.mlpWidth !== after.mlpWidth,
  );
  const hasPins = layers.some(({ pinnedKvHeads }) => pinnedKvHeads.length > 0);
  const isGrouped = layers.some(({ before }) => headsPerGroup(before) > 1);
  return (
    <figcaption className="map-legend">
      {hasScores ? (
        <span className="map-legend-ramp">
          <span>{t('map.legendLess')}</span>
          <span className="map-legend-gradient" />
          <span>{t('map.legendMore')}</span>
          <Term name="importance">{t('map.legendImportance')}</Term>
        </span>
      ) : (
        <LegendItem kind="stays">{t('map.legendStays')}</LegendItem>
      )}
      {isPruned && removal === 'done' && <LegendItem kind="gone">{t('map.legendGone')}</LegendItem>}
      {isPruned && removal === 'planned' && (
        <LegendItem kind="goes">{hasScores ? t('map.legendGoes') : t('map.legendGoesCount')}</LegendItem>
      )}
      {isLit && <LegendItem kind="lit">{t('map.legendLit')}</LegendItem>}
      <LegendItem kind="locked">{t('map.legendLocked')}</LegendItem>
      {hasPins && <LegendItem kind="pinned">{t('map.legendPinned')}</LegendItem>}
      {isGrouped && <LegendItem kind="bracket">{t('map.legendGroup')}</LegendItem>}
    </figcaption>
  );
}

function LegendItem({ kind, children }: { readonly kind: string; readonly children: ReactNode }): ReactNode {
  return (
    <span className="map-legend-item">
      <span className={`map-legend-swatch ${kind}`} />
      {children}
    </span>
  );
}
