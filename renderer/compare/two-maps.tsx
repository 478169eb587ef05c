import { Select } from 'antd';
import { useMemo, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ComparedModel, Comparison } from '../../preload/comparison-contract.ts';
import { ModelMap } from '../components/model-map.tsx';
import { Panel } from '../components/panel.tsx';
import { wholeModel, type MapLayer } from '../model-map/map-layers.ts';
import { mapOfRun } from '../model-map/map-of-run.ts';
import { useAsked } from '../wizard/use-asked.ts';
import { useComparisonWriting } from './written-rows.ts';

const mapHeight = 220;

/** Two models' maps over each other, layer above layer. */
export function TwoMaps({ comparison }: { readonly comparison: Comparison }): ReactNode {
  const { t } = useTranslation();
  const { modelTitle } = useComparisonWriting();
  const drawn = comparison.models.filter(({ layers }) => layers !== null);
  const [chosen, setChosen] = useState<readonly [string | null, string | null]>([null, null]);
  if (drawn.length < 2) return null;
  const [pruned, others] = [drawn.filter(isOfRun), drawn];
  const first = drawn.find(({ key }) => key === chosen[0]) ?? pruned.at(0) ?? others[0];
  const second =
    drawn.find(({ key }) => key === chosen[1]) ??
    pruned.find(({ key, runId }) => key !== first.key && runId !== first.runId) ??
    others.find(({ key }) => key !== first.key) ??
    first;
  const options = drawn.map((model) => ({ value: model.key, label: modelTitle(model) }));
  return (
    <Panel title={t('compare.maps')} className="wide map-panel">
      {[first, second].map((model, i) => (
        <div className="compared-map" key={i === 0 ? 'upper' : 'lower'}>
          <Select
            className="compared-map-choice"
            value={model.key}
            aria-label={t(i === 0 ? 'compare.upperMap' : 'compare.lowerMap')}
            options={options}
            onChange={(key) => setChosen(i === 0 ? [key, second.key] : [first.key, key])}
          />
          <ComparedMap model={model} />
        </div>
      ))}
    </Panel>
  );
}

const isOfRun = ({ role }: ComparedModel): boolean => role === 'pruned' || role === 'recovered';

/** A run's model with what it found important and what went; any other as it is. */
function ComparedMap({ model }: { readonly model: ComparedModel }): ReactNode {
  const isPruned = isOfRun(model);
  const { answer } = useAsked(
    'run:get',
    model.runId !== null && isPruned ? { runId: model.runId } : null,
    model.runId ?? '',
    0,
  );
  const layers = useMemo((): MapLayer[] => {
    if (answer === null || !isPruned) return wholeModel(model.layers ?? []);
    return mapOfRun(answer.run, answer.run.report?.windows ?? null, answer);
  }, [answer, isPruned, model.layers]);
  return <ModelMap layers={layers} removal="done" height={mapHeight} />;
}
