import { Button } from 'antd';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormats } from '../language/use-formats.ts';
import { goingKvHeads, headsPerGroup, type MapLayer } from '../model-map/map-layers.ts';
import { dependenciesAt } from '../studio/route.ts';
import { Facts } from './facts.tsx';
import { RouteLink } from './route-link.tsx';

export interface LayerInspectorProps {
  readonly layer: number;
  readonly of: MapLayer;
  /** Whether it leads to the explorer: where the layer is one of the model that is being planned. */
  readonly explores?: boolean;
  readonly onClose: () => void;
  /** Between the widths and the heads: what can be changed. */
  readonly children?: ReactNode;
  /** Beside each head (KV group): what can be done with it; heads are listed for it without scores, too. */
  readonly headAction?: (group: number, name: string) => ReactNode;
}

/** One layer's numbers: its widths and, where there are scores, each head's. */
export function LayerInspector(props: LayerInspectorProps): ReactNode {
  const { layer, of, explores = false, onClose, children, headAction } = props;
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
  const isKnown = headScores !== null || of.keptKvHeads !== null;
  const highest = headScores === null ? 0 : Math.max(...headScores);
  const isLeftWhole = (kind: 'attention' | 'mlp'): boolean => of.leftWhole.includes(kind);
  const nameOf = (group: number): string =>
    perGroup > 1 ? t('map.groupShort', { group }) : t('map.headShort', { head: group });
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
      {of.attentionLocked && (
        <p className="quiet">{t(isLeftWhole('attention') ? 'map.attentionWhole' : 'map.attentionLocked')}</p>
      )}
      {of.mlpLocked && <p className="quiet">{t(isLeftWhole('mlp') ? 'map.mlpWhole' : 'map.mlpLocked')}</p>}
      {children}
      {(headScores !== null || headAction !== undefined) && (
        <ol className={headScores === null ? 'head-scores unscored' : 'head-scores'} start={0}>
          {Array.from({ length: before.kvHeads }, (_, group) => (
            <li key={group} className={going.has(group) && isKnown ? 'going' : undefined}>
              <span className="head-score-name">{nameOf(group)}</span>
              {headScores !== null && (
                <>
                  <span className="head-score-track">
                    <span style={{ width: `${(100 * headScores[group]) / (highest || 1)}%` }} />
                  </span>
                  <span className="number">{formats.score(headScores[group])}</span>
                </>
              )}
              {headAction?.(group, nameOf(group))}
            </li>
          ))}
        </ol>
      )}
    </aside>
  );
}
