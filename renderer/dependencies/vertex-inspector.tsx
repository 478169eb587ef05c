import { Select } from 'antd';
import { useId, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Chain, ChainEdge, ChainEdgePart, ChainVertex } from '../../preload/dependency-contract.ts';
import { Facts, type Fact } from '../components/facts.tsx';
import { Field } from '../components/field.tsx';
import { useFormats } from '../language/use-formats.ts';
import { leadingPart } from './chain-graph.tsx';
import { useChainTexts } from './use-chain-texts.ts';

/** What goes of the selected vertex, and which edges carry the chain to it and on, rule by rule. */
export function VertexInspector({
  chain,
  vertex,
  onOpenLayer,
}: {
  readonly chain: Chain;
  readonly vertex: ChainVertex;
  readonly onOpenLayer: (layer: number) => void;
}): ReactNode {
  const { t } = useTranslation();
  const texts = useChainTexts();
  const formats = useFormats();
  const touching = chain.edges.filter(({ from, to }) => from === vertex.id || to === vertex.id);
  const facts: Fact[] = [
    { name: t('dependencies.where'), value: texts.place(vertex.place) },
    ...vertex.params.slice(0, 1).flatMap((member) => [
      { name: t('dependencies.goes'), value: texts.indices(member) },
      { name: t('dependencies.shape'), value: texts.shape(member.shape) },
    ]),
    ...(vertex.params.length === 0 && vertex.activation !== null
      ? [
          {
            name: t('dependencies.goes'),
            value: t('dependencies.inDimension', {
              indices: texts.indices(vertex.activation),
              dim: vertex.activation.dim,
            }),
          },
          { name: t('dependencies.shape'), value: texts.shape(vertex.activation.shape) },
        ]
      : []),
    { name: t('dependencies.op'), value: texts.op(vertex.op) },
    { name: t('dependencies.stepName'), value: formats.count(vertex.step) },
    { name: t('dependencies.inDegree'), value: formats.count(vertex.inDegree), term: 'inDegree' },
    { name: t('dependencies.outDegree'), value: formats.count(vertex.outDegree), term: 'outDegree' },
    { name: t('dependencies.byRule'), value: t(vertex.byRule ? 'words.yes' : 'words.no'), term: 'byRule' },
  ];
  return (
    <div className="vertex-inspector">
      <h3 className="vertex-name">{texts.vertex(vertex)}</h3>
      {Array.isArray(vertex.place) ? (
        <CollapsedLayers vertex={vertex} range={vertex.place} onOpenLayer={onOpenLayer} />
      ) : (
        <Facts facts={facts} />
      )}
      <h3>{t('dependencies.edges')}</h3>
      <ul className="chain-rules">
        {touching.map((edge) => (
          <EdgeRule key={edge.id} chain={chain} edge={edge} />
        ))}
      </ul>
    </div>
  );
}

function CollapsedLayers({
  vertex,
  range: [first, last],
  onOpenLayer,
}: {
  readonly vertex: ChainVertex;
  readonly range: readonly [number, number];
  readonly onOpenLayer: (layer: number) => void;
}): ReactNode {
  const { t } = useTranslation();
  const texts = useChainTexts();
  const id = useId();
  const layers = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  return (
    <>
      <p className="quiet">{t('dependencies.collapsed', { vertices: vertex.stands })}</p>
      <Field controlId={id} label={t('dependencies.openLayer')} term="layer">
        <Select
          id={id}
          virtual={false}
          placeholder={t('dependencies.openLayerNone')}
          options={layers.map((layer) => ({ value: layer, label: t('map.layerNumber', { layer }) }))}
          onChange={(layer: number) => onOpenLayer(layer)}
        />
      </Field>
      <ul className="collapsed-weights">
        {vertex.params.map((member) => (
          <li key={`${member.label} ${member.dim} ${member.shape.join(' ')}`}>
            <code>{member.label}</code> <span className="quiet">{texts.indices(member)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

/** One edge: both directions of the rule with their degrees, and which one the chain took. */
function EdgeRule({ chain, edge }: { readonly chain: Chain; readonly edge: ChainEdge }): ReactNode {
  const { t } = useTranslation();
  const names = useEdgeNames(chain, edge);
  const part = leadingPart(edge);
  if (part === undefined) return null;
  return (
    <li>
      <strong>{t('dependencies.edge', names)}</strong>
      {part.rule === 'shared' ? (
        <p>{t('dependencies.rules.shared')}</p>
      ) : (
        <>
          <RuleDirection part={part} direction="forward" names={names} />
          <RuleDirection part={part} direction="backward" names={names} />
          {part.rule === 'beyond' && <p className="beyond">{t('dependencies.rules.beyond')}</p>}
        </>
      )}
    </li>
  );
}

function RuleDirection({
  part,
  direction,
  names,
}: {
  readonly part: ChainEdgePart;
  readonly direction: 'forward' | 'backward';
  readonly names: { readonly from: string; readonly to: string };
}): ReactNode {
  const { t } = useTranslation();
  const degree = direction === 'forward' ? part.inDegree : part.outDegree;
  const holds = degree === 1;
  const isTaken = part.travelled === direction;
  return (
    <p className={isTaken ? 'taken' : 'quiet'}>
      <span aria-hidden="true">{direction === 'forward' ? '↓ ' : '↑ '}</span>
      {t(`dependencies.rules.${direction}${holds ? 'Holds' : 'Fails'}`, { ...names, degree })}
    </p>
  );
}

function useEdgeNames(chain: Chain, edge: ChainEdge): { from: string; to: string } {
  const texts = useChainTexts();
  const nameOf = (id: string): string => {
    const vertex = chain.vertices.find((one) => one.id === id);
    return vertex === undefined ? id : texts.shortName(vertex);
  };
  return { from: nameOf(edge.from), to: nameOf(edge.to) };
}
