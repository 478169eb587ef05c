import { Segmented } from 'antd';
import { useMemo, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type {
  ModelSummary,
  PlanPreview,
  PruneSettings,
  RunDetail,
  StudioError,
} from '../../preload/contract.ts';
import { ErrorNotice } from '../components/error-notice.tsx';
import { useMapHeight } from '../components/use-map-height.ts';
import { mapLayers, type MapLayer } from '../model-map/map-layers.ts';
import { EditsPanel } from '../plan/edits-panel.tsx';
import { HowMuch } from '../plan/how-much.tsx';
import { PlanMap } from '../plan/plan-map.tsx';
import { askedPlan, isByBlock, takesEdits } from '../plan/plan-modes.ts';
import { useEditHistory } from '../plan/use-edit-history.ts';
import {
  channelColumns,
  headColumns,
  hiddenColumns,
  influenceColumns,
  scaleShapes,
  scaleSpans,
  type ScaleShape,
  type ScaleSpan,
} from './score-columns.ts';
import { ScoresChart } from './scores-chart.tsx';

export interface ImportanceViewProps {
  readonly detail: RunDetail;
  /** null where the run's model is gone: there is nothing to plan for then. */
  readonly model: ModelSummary | null;
  readonly prune: PruneSettings;
  readonly preview: PlanPreview | null;
  readonly failure: StudioError | null;
  readonly onChange: (change: Partial<PruneSettings>) => void;
}

/** A run's scores, layer by layer, and what a plan takes by them. */
export function ImportanceView(props: ImportanceViewProps): ReactNode {
  const { detail, model, prune, preview, failure, onChange } = props;
  const { t } = useTranslation();
  const height = useMapHeight(300, 520);
  const [selected, setSelected] = useState<number | null>(null);
  const history = useEditHistory(prune.edits, (edits) => onChange({ edits }));
  const layers = useScoredLayers(props);
  const canEdit = model !== null && takesEdits(prune);
  const scored = detail.scores.length;
  const picture = (
    <div className="column">
      {failure && <ErrorNotice error={failure} />}
      <PlanMap
        title={t('importance.map')}
        layers={layers}
        prune={prune}
        history={canEdit ? history : null}
        selected={selected}
        onSelect={setSelected}
        height={height}
        remark={
          detail.hidden
            ? t('importance.scoredHidden', { hidden: detail.hidden.count })
            : t('importance.scored', { scored, layers: layers.length })
        }
      />
      <ScoreCharts
        layers={layers}
        hidden={detail.hidden}
        size={preview?.hiddenSize ?? detail.run.report?.hiddenSize}
        preview={preview}
        selected={selected}
        onSelect={setSelected}
      />
    </div>
  );
  if (model === null) return picture;
  return (
    <div className="columns side-left">
      <div className="column">
        <HowMuch model={model} prune={prune} preview={preview} onChange={onChange} />
        {canEdit && <EditsPanel history={history} layers={model.layers} />}
      </div>
      {picture}
    </div>
  );
}

/** The map's layers under the plan as it is now; as the run chose where that cannot be told. */
function useScoredLayers({ detail, prune, preview }: ImportanceViewProps): MapLayer[] {
  return useMemo(() => {
    const picks = preview?.picks ?? null;
    // A run in several steps chose by more than the scores that are shown.
    const isAsRun = preview === null || prune === detail.settings.prune;
    const kept = (isAsRun ? detail.kept : null) ?? picks?.layers ?? null;
    const windows = isByBlock(prune) ? prune.layers : null;
    return mapLayers(
      preview?.layers ?? detail.run.layers,
      windows,
      { scores: detail.scores, kept },
      askedPlan(prune).edits,
    );
  }, [detail, prune, preview]);
}

function ScoreCharts({
  layers,
  hidden,
  size,
  preview,
  selected,
  onSelect,
}: {
  readonly layers: readonly MapLayer[];
  readonly hidden: RunDetail['hidden'];
  /** Of the hidden states, where indices of theirs go. */
  readonly size: PlanPreview['hiddenSize'];
  readonly preview: PlanPreview | null;
  readonly selected: number | null;
  readonly onSelect: (layer: number | null) => void;
}): ReactNode {
  const { t } = useTranslation();
  const [span, setSpan] = useState<ScaleSpan>('layer');
  const [shape, setShape] = useState<ScaleShape>('linear');
  const charts = useMemo(() => {
    const thresholds = preview?.picks?.layers.map((layer) => layer?.channelThreshold ?? null) ?? null;
    const hiddenThreshold = preview?.picks?.hiddenThreshold ?? null;
    const all = [
      { kind: 'hidden', columns: hiddenColumns(hidden, size, hiddenThreshold) },
      { kind: 'heads', columns: headColumns(layers) },
      { kind: 'channels', columns: channelColumns(layers, thresholds) },
      { kind: 'influence', columns: influenceColumns(layers) },
    ] as const;
    return all.filter(({ columns }) => columns.length > 0);
  }, [layers, hidden, size, preview]);
  const hasSpan = charts.some(({ kind }) => kind === 'heads' || kind === 'channels');
  return (
    <>
      <div className="scale-choices">
        {hasSpan && (
          <Segmented<ScaleSpan>
            size="small"
            name="scale-span"
            aria-label={t('importance.span')}
            value={span}
            options={scaleSpans.map((value) => ({ value, label: t(`importance.spans.${value}`) }))}
            onChange={setSpan}
          />
        )}
        <Segmented<ScaleShape>
          size="small"
          name="scale-shape"
          aria-label={t('importance.shape')}
          value={shape}
          options={scaleShapes.map((value) => ({ value, label: t(`importance.shapes.${value}`) }))}
          onChange={setShape}
        />
        <span className="quiet">
          {t(
            charts.every(({ kind }) => kind === 'influence') ? 'importance.layersKey' : 'importance.chartKey',
          )}
        </span>
      </div>
      {charts.map(({ kind, columns }) => (
        <ScoresChart
          key={kind}
          kind={kind}
          columns={columns}
          layerCount={kind === 'hidden' ? 1 : layers.length}
          span={kind === 'influence' || kind === 'hidden' ? 'model' : span}
          shape={shape}
          selected={kind === 'hidden' ? null : selected}
          onSelect={onSelect}
        />
      ))}
    </>
  );
}
