import { ExpandOutlined, ZoomInOutlined, ZoomOutOutlined } from '@ant-design/icons';
import {
  Handle,
  MarkerType,
  Position,
  ReactFlow,
  useReactFlow,
  type Edge,
  type Node,
  type NodeProps,
} from '@xyflow/react';
import { Button } from 'antd';
import {
  createContext,
  use,
  useEffect,
  useId,
  useMemo,
  useRef,
  type KeyboardEvent,
  type ReactNode,
} from 'react';
import { useTranslation } from 'react-i18next';
import type { Chain, ChainEdge, ChainVertex } from '../../preload/dependency-contract.ts';
import { useSize } from '../components/use-size.ts';
import { useThemeName } from '../theme/theme-context.ts';
import { palettes, type Palette } from '../theme/tokens.ts';
import { layoutChain, vertexAfter, vertexSize, type Point } from './chain-layout.ts';
import { useChainTexts } from './use-chain-texts.ts';

type VertexNode = Node<{ readonly vertex: ChainVertex }, 'vertex'>;

interface Hand {
  readonly selected: string;
  readonly current: string;
  readonly onSelect: (id: string) => void;
  readonly onKey: (event: KeyboardEvent, id: string) => void;
  readonly onFocus: (id: string) => void;
}

const HandContext = createContext<Hand | null>(null);

export interface ChainGraphProps {
  readonly chain: Chain;
  readonly selected: string;
  /** The vertex that the Tab key comes to. */
  readonly current: string;
  readonly onSelect: (id: string) => void;
  readonly onMove: (id: string) => void;
  readonly height: number;
}

/** The chain as a picture: weights and ops, what carries it from one to the next, and the degrees that decide. */
export function ChainGraph(props: ChainGraphProps): ReactNode {
  const { chain, selected, current, onSelect, onMove, height } = props;
  const { t } = useTranslation();
  const theme = useThemeName();
  const flow = useReactFlow();
  const frame = useRef<HTMLDivElement>(null);
  const { width } = useSize(frame);
  const helpId = useId();
  const places = useMemo(() => layoutChain(chain), [chain]);
  const nodes = useMemo(() => nodesOf(chain, places), [chain, places]);
  const edges = useFlowEdges(chain, palettes[theme]);
  useEffect(() => {
    if (width > 0) void flow.fitView(fitOptions);
  }, [flow, nodes, width, height]);

  const hand = useMemo<Hand>(() => {
    const moveTo = (id: string): void => {
      onMove(id);
      const button = [...(frame.current?.querySelectorAll<HTMLElement>('[data-vertex]') ?? [])].find(
        (element) => element.dataset['vertex'] === id,
      );
      button?.focus({ preventScroll: true });
    };
    return {
      selected,
      current,
      onSelect,
      onFocus: (id) => {
        onMove(id);
        const place = places.get(id);
        if (place !== undefined && frame.current !== null) bringIntoSight(flow, place, frame.current);
      },
      onKey: (event, id) => {
        const to = vertexAfter(chain, places, id, event.key);
        if (to === null && !event.key.startsWith('Arrow')) return;
        event.preventDefault();
        if (to !== null) moveTo(to);
      },
    };
  }, [chain, places, selected, current, onSelect, onMove, flow]);

  return (
    <div className="chain-graph" ref={frame} style={{ height }}>
      <HandContext value={hand}>
        <ReactFlow
          aria-label={t('dependencies.graph')}
          aria-describedby={helpId}
          nodes={nodes}
          edges={edges}
          nodeTypes={nodeTypes}
          colorMode={theme}
          fitView
          fitViewOptions={fitOptions}
          minZoom={0.1}
          maxZoom={2}
          nodesDraggable={false}
          nodesConnectable={false}
          nodesFocusable={false}
          edgesFocusable={false}
          elementsSelectable={false}
          disableKeyboardA11y
          zoomOnScroll={false}
          zoomOnDoubleClick={false}
          preventScrolling={false}
          deleteKeyCode={null}
          proOptions={{ hideAttribution: true }}
        />
      </HandContext>
      <p className="visually-hidden" id={helpId}>
        {t('dependencies.graphHelp')}
      </p>
    </div>
  );
}

/** Larger, smaller, all of it; the wheel is the screen's. */
export function ChainZoom(): ReactNode {
  const { t } = useTranslation();
  const { zoomIn, zoomOut, fitView } = useReactFlow();
  const buttons = [
    { name: t('dependencies.zoomOut'), icon: <ZoomOutOutlined />, act: () => zoomOut() },
    { name: t('dependencies.zoomIn'), icon: <ZoomInOutlined />, act: () => zoomIn() },
    { name: t('dependencies.fit'), icon: <ExpandOutlined />, act: () => fitView(fitOptions) },
  ];
  return (
    <span>
      {buttons.map(({ name, icon, act }) => (
        <Button
          key={name}
          size="small"
          type="text"
          icon={icon}
          aria-label={name}
          title={name}
          onClick={() => void act()}
        />
      ))}
    </span>
  );
}

const fitOptions = { padding: 0.04, maxZoom: 1, minZoom: 0.1 } as const;

const nodeTypes = { vertex: VertexBox };

function VertexBox({ id, data: { vertex } }: NodeProps<VertexNode>): ReactNode {
  const { t } = useTranslation();
  const texts = useChainTexts();
  const hand = use(HandContext);
  const isStart = vertex.step === 0;
  const goes =
    vertex.op === 'layers' ? t('dependencies.stands', { vertices: vertex.stands }) : texts.goes(vertex);
  const title = texts.shortName(vertex);
  const step = isStart ? t('dependencies.chosen') : t('dependencies.step', { step: vertex.step });
  const kind = vertex.op === 'layers' ? 'layers' : vertex.params.length > 0 ? 'weight' : 'op';
  return (
    <>
      <Handle type="target" position={Position.Top} isConnectable={false} />
      <button
        type="button"
        data-vertex={id}
        className={`nopan chain-vertex ${kind}${isStart ? ' start' : ''}`}
        tabIndex={hand?.current === id ? 0 : -1}
        aria-pressed={hand?.selected === id}
        title={[texts.vertex(vertex), goes].join(', ')}
        aria-label={[texts.vertex(vertex), goes, step].join(', ')}
        onClick={() => hand?.onSelect(id)}
        onFocus={() => hand?.onFocus(id)}
        onKeyDown={(event) => hand?.onKey(event, id)}
      >
        <span className="chain-vertex-name">{title}</span>
        <span className="chain-vertex-goes">{goes}</span>
        <span className="chain-vertex-step" aria-hidden="true">
          {vertex.step}
        </span>
      </button>
      <Handle type="source" position={Position.Bottom} isConnectable={false} />
    </>
  );
}

function nodesOf({ vertices }: Chain, places: ReadonlyMap<string, Point>): VertexNode[] {
  const { width, height } = vertexSize;
  return vertices.map((vertex) => {
    const { x, y } = places.get(vertex.id) ?? { x: 0, y: 0 };
    const position = { x: x - width / 2, y: y - height / 2 };
    return { id: vertex.id, type: 'vertex', position, width, height, data: { vertex } };
  });
}

/** Of several edges between layers, the one that the rule does not take tells how they are drawn. */
export function leadingPart({ parts }: ChainEdge): ChainEdge['parts'][number] | undefined {
  return parts.find(({ rule }) => rule === 'beyond') ?? parts[0];
}

function useFlowEdges(chain: Chain, colors: Palette): Edge[] {
  const { t } = useTranslation();
  return useMemo(
    () =>
      chain.edges.flatMap((edge): Edge[] => {
        const part = leadingPart(edge);
        if (part === undefined) return [];
        const { rule, travelled, inDegree, outDegree } = part;
        const color = rule === 'beyond' ? colors.worse : rule === 'shared' ? colors.textQuiet : colors.accent;
        const arrow = { type: MarkerType.ArrowClosed, color, width: 12, height: 12 };
        const label =
          rule === 'shared'
            ? t('dependencies.sharedShort')
            : travelled === 'forward'
              ? t('dependencies.inShort', { degree: inDegree })
              : t('dependencies.outShort', { degree: outDegree });
        return [
          {
            id: edge.id,
            source: edge.from,
            target: edge.to,
            className: `chain-edge ${rule}`,
            label,
            labelBgPadding: [3, 0],
            style: { stroke: color },
            ...(travelled === 'forward' ? { markerEnd: arrow } : { markerStart: arrow }),
          },
        ];
      }),
    [chain, colors, t],
  );
}

/** Moves the picture where a vertex would be focused outside of its frame. */
function bringIntoSight(flow: ReturnType<typeof useReactFlow>, place: Point, frame: HTMLElement): void {
  const { x, y, zoom } = flow.getViewport();
  const [left, top] = [place.x * zoom + x, place.y * zoom + y];
  const [halfWidth, halfHeight] = [(vertexSize.width / 2) * zoom, (vertexSize.height / 2) * zoom];
  const isInside =
    left >= halfWidth &&
    top >= halfHeight &&
    left <= frame.clientWidth - halfWidth &&
    top <= frame.clientHeight - halfHeight;
  if (!isInside) void flow.setCenter(place.x, place.y, { zoom });
}
