import { ReactFlowProvider } from '@xyflow/react';
import { useMemo, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ModelSummary } from '../../preload/contract.ts';
import type { Chain, DependencyWeights } from '../../preload/dependency-contract.ts';
import { ErrorNotice } from '../components/error-notice.tsx';
import { ModelMap } from '../components/model-map.tsx';
import { Panel } from '../components/panel.tsx';
import { Screen } from '../components/screen.tsx';
import { useMapHeight } from '../components/use-map-height.ts';
import { ChainGraph, ChainZoom } from '../dependencies/chain-graph.tsx';
import { ChainSummary } from '../dependencies/chain-summary.tsx';
import { ChainTable } from '../dependencies/chain-table.tsx';
import { ChoiceFields } from '../dependencies/choice-fields.tsx';
import { chosenOf, routeOf, type Chosen } from '../dependencies/chosen.ts';
import { EdgeLegend } from '../dependencies/edge-legend.tsx';
import { VertexInspector } from '../dependencies/vertex-inspector.tsx';
import { headsPerGroup, wholeModel } from '../model-map/map-layers.ts';
import type { MapSpot } from '../model-map/map-layout.ts';
import { go, goInstead, type DependencyRoute } from '../studio/route.ts';
import { useAsked } from '../wizard/use-asked.ts';
import { useDraft } from '../wizard/draft-store.tsx';
import { NoModel } from './no-model.tsx';

/** What any row or column of the model pulls along. */
export function DependenciesScreen({ route }: { readonly route: DependencyRoute }): ReactNode {
  const { t } = useTranslation();
  const { model } = useDraft().draft;
  const id = model?.model.id;
  const asked = useAsked('dependency:weights', id === undefined ? null : { modelId: id }, id ?? '', 0);
  return (
    <Screen
      title={t('dependencies.title')}
      subtitle={model === null ? t('dependencies.subtitle') : model.model.name}
      primary={{
        label: t('actions.toPlan'),
        onAct: () => go({ screen: 'new', step: 'plan' }),
        blockedBy: model === null ? t('model.chooseFirst') : null,
      }}
    >
      {asked.failure && <ErrorNotice error={asked.failure} />}
      {model === null && <NoModel />}
      {model !== null && asked.answer !== null && (
        <Explorer key={model.model.id} model={model} weights={asked.answer} route={route} />
      )}
    </Screen>
  );
}

function Explorer({
  model,
  weights,
  route,
}: {
  readonly model: ModelSummary;
  readonly weights: DependencyWeights;
  readonly route: DependencyRoute;
}): ReactNode {
  const chosen = chosenOf(weights, route);
  const [opened, setOpened] = useState<number | null>(null);
  const own = typeof chosen?.part.place === 'number' ? chosen.part.place : 0;
  const request = chosen && {
    modelId: model.model.id,
    param: chosen.weight.name,
    dim: chosen.dim,
    index: chosen.index,
    openLayer: opened ?? own,
  };
  const { answer: chain, failure } = useAsked('dependency:chain', request, model.model.id, 40);
  const choose = (to: DependencyRoute): void => {
    // The layer that is open follows the weight, until one is opened by hand again.
    if (to.place !== chosen?.part.place) setOpened(null);
    goInstead(to);
  };
  if (chosen === null) return null;
  return (
    <>
      <ChoiceFields weights={weights} chosen={chosen} onChoose={choose} />
      {failure && <ErrorNotice error={failure} />}
      {chain !== null && (
        <ChainView
          chain={chain}
          chosen={chosen}
          model={model}
          onChooseSpot={(spot) => {
            const to = routeOfSpot(weights, model, spot);
            if (to !== null) choose(to);
          }}
          onOpenLayer={setOpened}
        />
      )}
    </>
  );
}

/** What a place of the map stands for: the first row of a head's or a channel's group, a column of embedding or head. */
function routeOfSpot(
  { parts }: DependencyWeights,
  model: ModelSummary,
  { column, row }: MapSpot,
): DependencyRoute | null {
  const layer = model.layers[column];
  if (layer === undefined) {
    const place = column < 0 ? 'embedding' : 'head';
    const weight = parts.find((part) => part.place === place)?.weights.at(-1);
    return weight === undefined ? null : routeOf(place, weight.name, weight.shape.length > 1 ? 1 : 0, 0);
  }
  const structures = parts.find(({ place }) => place === column)?.structures;
  if (!structures) return null;
  const { heads, channels } = structures;
  if (row >= layer.heads) return routeOf(column, channels.param, 0, 0);
  const group = Math.floor(row / headsPerGroup(layer));
  return routeOf(column, heads.param, 0, group * heads.rowsPerUnit);
}

function ChainView({
  chain,
  chosen,
  model,
  onChooseSpot,
  onOpenLayer,
}: {
  readonly chain: Chain;
  readonly chosen: Chosen;
  readonly model: ModelSummary;
  readonly onChooseSpot: (spot: MapSpot) => void;
  readonly onOpenLayer: (layer: number) => void;
}): ReactNode {
  const { t } = useTranslation();
  const [selectedId, select] = useState<string | null>(null);
  const [currentId, moveTo] = useState<string | null>(null);
  const height = useMapHeight(420, 340);
  const layers = useMemo(() => wholeModel(model.layers), [model.layers]);
  const start = chain.vertices.find(({ step }) => step === 0) ?? chain.vertices[0];
  const find = (id: string | null): typeof start =>
    chain.vertices.find((vertex) => vertex.id === id) ?? start;
  const selected = find(selectedId);
  const map = (
    <Panel title={t('map.title')} className="map-panel">
      <ModelMap layers={layers} removal="planned" lit={chain.lit} onChooseSpot={onChooseSpot} height={200} />
    </Panel>
  );
  return (
    <>
      <div className="chain-columns">
        <ReactFlowProvider>
          <Panel
            title={t('dependencies.chain')}
            className="chain-panel"
            actions={selected === undefined ? undefined : <ChainZoom />}
          >
            <ChainSummary chain={chain} chosen={chosen} />
            {selected !== undefined && (
              <>
                <ChainGraph
                  chain={chain}
                  selected={selected.id}
                  current={find(currentId)?.id ?? selected.id}
                  onSelect={select}
                  onMove={moveTo}
                  height={height}
                />
                <EdgeLegend chain={chain} />
              </>
            )}
          </Panel>
        </ReactFlowProvider>
        <div className="column">
          {map}
          {selected !== undefined && (
            <Panel title={t('dependencies.selected')}>
              <VertexInspector chain={chain} vertex={selected} onOpenLayer={onOpenLayer} />
            </Panel>
          )}
        </div>
      </div>
      {selected !== undefined && (
        <Panel title={t('dependencies.list')}>
          <ChainTable chain={chain} />
        </Panel>
      )}
    </>
  );
}
