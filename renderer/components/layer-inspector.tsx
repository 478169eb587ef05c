import { Button } from 'antd';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormats } from '../language/use-formats.ts';
import { goingKvHeads, headsPerGroup, type MapLayer } from '../model-map/map-layers.ts';
import { dependenciesAt } from '../studio/route.ts';
import { Facts } from './facts.tsx';
import { RouteLink } from './route-link.tsx';

/** One layer's numbers: its widths and, where there are scores, each head's. */
export function LayerInspector({
  layer,
  of,
  explores = false,
  onClose,
}: {
  readonly layer: number;
  readonly of: MapLayer;
  /** Whether it leads to the explorer: where the layer is one of the model that is being planned. */
  readonly explores?: boolean;
  readonly onClose: () => void;
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  // The focus would go with the button: it goes back to where the layer was opened.
  const [opener] = useState(() => document.activeElement);
  const close = (): void => {
    onClose();
    if (opener instanceof HTMLElement) opener.focus();
  };
  const { before, after, headScores } = of;
  const going = goingKvHeads(of);
  const perGroup = headsPerGroup(before);
  const highest = headScores && Math.max(...headScores);
  const fromTo = (from: number, to: number): string =>
    from === to ? formats.count(from) : `${formats.count(from)} → ${formats.count(to)}`;
  return (
    <aside className="layer-inspector" aria-label={t('map.layerNumber', { layer })}>
      <header className="panel-header">
        <h3>{t('map.layerNumber', { layer })}</h3>
        <div className="panel-actions">
          {explores && <RouteLink to={dependenciesAt(layer)}>{t('actions.toDependencies')}</RouteLink>}
          <Button size="small" type="text" onClick={close}>
            {t('actions.close')}
          </Button>
        </div>
      </header>
      <Facts
        isWide
        facts={[
          { name: t('map.attentionHeads'), value: fromTo(before.heads, after.heads), term: 'head' },
          { name: t('model.kvHeads'), value: fromTo(before.kvHeads, after.kvHeads), term: 'kvGroup' },
          { name: t('map.mlpWidth'), value: fromTo(before.mlpWidth, after.mlpWidth), term: 'mlpWidth' },
        ]}
      />
      {of.attentionLocked && <p className="quiet">{t('map.attentionLocked')}</p>}
      {of.mlpLocked && <p className="quiet">{t('map.mlpLocked')}</p>}
      {headScores !== null && highest !== null && (
        <ol className="head-scores" start={0}>
          {headScores.map((score, group) => (
            <li key={group} className={going.has(group) ? 'going' : undefined}>
              <span className="head-score-name">
                {perGroup > 1 ? t('map.groupShort', { group }) : t('map.headShort', { head: group })}
              </span>
              <span className="head-score-track">
                <span style={{ width: `${(100 * score) / (highest || 1)}%` }} />
              </span>
              <span className="number">{formats.score(score)}</span>
            </li>
          ))}
        </ol>
      )}
    </aside>
  );
}
