import type { ReactNode } from 'react';
import type { ComparedModel } from '../../preload/comparison-contract.ts';
import { palettes } from '../theme/tokens.ts';
import { useThemeName } from '../theme/theme-context.ts';
import { useComparisonWriting } from './written-rows.ts';

/** Which colour is whose. */
export function SeriesKey({
  models,
  shown,
}: {
  readonly models: readonly ComparedModel[];
  /** Places of those that are drawn. */
  readonly shown: readonly number[];
}): ReactNode {
  const { modelTitle } = useComparisonWriting();
  const { series } = palettes[useThemeName()];
  return (
    <p className="series-key">
      {shown.map((i) => (
        <span className="map-legend-item" key={models[i].key}>
          <span className="map-legend-swatch" style={{ background: `var(--series-${i % series.length})` }} />
          {modelTitle(models[i])}
        </span>
      ))}
    </p>
  );
}
