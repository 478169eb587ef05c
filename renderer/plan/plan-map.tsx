import { Segmented } from 'antd';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { PruneSettings } from '../../preload/contract.ts';
import { LayerInspector } from '../components/layer-inspector.tsx';
import { MapTable } from '../components/map-table.tsx';
import { ModelMap } from '../components/model-map.tsx';
import { Panel } from '../components/panel.tsx';
import type { MapLayer } from '../model-map/map-layers.ts';
import { LayerEditor } from './layer-editor.tsx';
import type { EditHistory } from './use-edit-history.ts';

export interface PlanMapProps {
  readonly title: string;
  readonly layers: readonly MapLayer[];
  readonly prune: PruneSettings;
  /** null where the plan takes no edits. */
  readonly history: EditHistory | null;
  readonly selected: number | null;
  readonly onSelect: (layer: number | null) => void;
  readonly height: number;
  /** One sentence below the map, and more about the plan as a whole. */
  readonly remark?: string;
  readonly notes?: ReactNode;
  /** Whether a layer leads to the explorer: in the wizard, of whose model that tells. */
  readonly explores?: boolean;
}

/** The map of a plan; what it says about a layer can be changed where the layer is opened. */
export function PlanMap(props: PlanMapProps): ReactNode {
  const {
    title,
    layers,
    prune,
    history,
    selected,
    onSelect,
    height,
    remark,
    notes,
    explores = false,
  } = props;
  const { t } = useTranslation();
  const [view, setView] = useState<'map' | 'table'>('map');
  const of = selected === null ? undefined : layers[selected];
  const onClose = (): void => onSelect(null);
  return (
    <Panel
      title={title}
      className="map-panel"
      actions={
        <Segmented
          size="small"
          name="plan-view"
          aria-label={t('plan.view')}
          value={view}
          options={(['map', 'table'] as const).map((value) => ({ value, label: t(`plan.views.${value}`) }))}
          onChange={setView}
        />
      }
    >
      {view === 'table' ? (
        <MapTable layers={layers} />
      ) : (
        <div>
          <ModelMap
            layers={layers}
            removal="planned"
            height={height}
            selectedLayer={selected}
            onSelectLayer={onSelect}
          />
          {selected !== null && of !== undefined && history === null && (
            <LayerInspector layer={selected} of={of} explores={explores} onClose={onClose} />
          )}
          {selected !== null && of !== undefined && history !== null && (
            <LayerEditor
              layer={selected}
              of={of}
              prune={prune}
              edits={history.edits}
              onEdit={history.change}
              onClose={onClose}
              explores={explores}
            />
          )}
        </div>
      )}
      {remark !== undefined && <p className="quiet">{remark}</p>}
      {notes}
    </Panel>
  );
}
