import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormats } from '../language/use-formats.ts';
import { isLit, type LitChain } from '../model-map/lit-chain.ts';
import { goingKvHeads, headsPerGroup, losesWithinGroups, type MapLayer } from '../model-map/map-layers.ts';
import type { MapSpot } from '../model-map/map-layout.ts';
import type { Removal } from '../model-map/paint-map.ts';

export interface SpotDescription {
  readonly title: string;
  readonly lines: readonly string[];
}

/** Tells in words and numbers what lies at a place of the map. */
export function useDescribeSpot(
  layers: readonly MapLayer[],
  removal: Removal,
  lit?: LitChain | null,
): (spot: MapSpot) => SpotDescription {
  const { t } = useTranslation();
  const formats = useFormats();
  return useCallback(
    (spot) => {
      const { column, row } = spot;
      const inChain = lit && (isLit(lit, layers, spot) ? t('map.inChain') : t('map.notInChain'));
      const fixed = [inChain ?? t('map.neverPruned')];
      if (column < 0) return { title: t('map.embedding'), lines: fixed };
      const layer = layers[column];
      if (layer === undefined) return { title: t('map.head'), lines: fixed };
      const { before, after } = layer;
      const whyLocked = (kind: 'attention' | 'mlp'): string =>
        t(layer.leftWhole.includes(kind) ? 'map.leftWhole' : 'map.locked');
      if (row >= before.heads) {
        return {
          title: t('map.layerMlp', { layer: column }),
          lines: [
            inChain
              ? t('map.mlpOf', { width: formats.count(before.mlpWidth) })
              : t('map.mlpFromTo', {
                  before: formats.count(before.mlpWidth),
                  after: formats.count(after.mlpWidth),
                }),
            inChain ?? (layer.mlpLocked ? whyLocked('mlp') : ''),
          ].filter((line) => line !== ''),
        };
      }
      const perGroup = headsPerGroup(before);
      const group = Math.floor(row / perGroup);
      const score = layer.headScores?.[group];
      const goes = goingKvHeads(layer).has(group);
      const isChosen = layer.headScores !== null || layer.keptKvHeads !== null;
      const fate = (): string => {
        if (layer.attentionLocked) return whyLocked('attention');
        if (layer.pinnedKvHeads.includes(group)) return t('map.pinned');
        if (losesWithinGroups(layer))
          return t('map.countGoes', { count: before.heads - after.heads, of: before.heads });
        if (!isChosen)
          return after.kvHeads === before.kvHeads
            ? t('map.stays')
            : t('map.countGoes', { count: before.heads - after.heads, of: before.heads });
        if (!goes) return t('map.stays');
        return removal === 'done' ? t('map.gone') : t('map.goes');
      };
      return {
        title: t('map.layerHead', { layer: column, head: row }),
        lines: [
          perGroup > 1 ? t('map.kvGroup', { group }) : '',
          score === undefined ? '' : t('map.importance', { score: formats.score(score) }),
          inChain ?? fate(),
        ].filter((line) => line !== ''),
      };
    },
    [layers, removal, lit, t, formats],
  );
}
