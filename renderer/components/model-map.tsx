import {
  useEffect,
  useId,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type MouseEvent,
  type PointerEvent,
  type ReactNode,
} from 'react';
import { useTranslation } from 'react-i18next';
import { litBoxes, type LitChain } from '../model-map/lit-chain.ts';
import { importanceRanks, type MapLayer } from '../model-map/map-layers.ts';
import {
  layoutMap,
  rectOf,
  spotAfter,
  spotAt,
  type MapLayout,
  type MapSpot,
} from '../model-map/map-layout.ts';
import { paintMap, type MapPicture, type Removal } from '../model-map/paint-map.ts';
import { useThemeName } from '../theme/theme-context.ts';
import { MapLegend } from './map-legend.tsx';
import { MapTable } from './map-table.tsx';
import { useDescribeSpot } from './use-describe-spot.ts';
import { useSize } from './use-size.ts';

export interface ModelMapProps {
  readonly layers: readonly MapLayer[];
  readonly removal: Removal;
  /** The layer that is being computed: it pulses. */
  readonly activeLayer?: number | null;
  readonly selectedLayer?: number | null;
  readonly onSelectLayer?: (layer: number | null) => void;
  /** A chain of dependencies that lights up; then the map tells what belongs to it, and not what will go. */
  readonly lit?: LitChain | null;
  /** Any place that was clicked, in place of a layer that is selected. */
  readonly onChooseSpot?: (spot: MapSpot) => void;
  readonly height?: number;
}

/** The picture of a model: a column per layer, a cell per attention head, a bar for the MLP's width. */
export function ModelMap(props: ModelMapProps): ReactNode {
  const { layers, removal, activeLayer = null, selectedLayer = null, onSelectLayer, height = 340 } = props;
  const { lit, onChooseSpot } = props;
  const { t } = useTranslation();
  const stage = useRef<HTMLDivElement>(null);
  const { width } = useSize(stage);
  const layout = useMapLayout(layers, width, height, false);
  const [spot, setSpot] = useState<MapSpot | null>(null);
  const [isFocused, setFocused] = useState(false);
  const describe = useDescribeSpot(layers, removal, lit);
  const boxes = useMemo(() => (lit ? litBoxes(lit, layers, layout) : []), [lit, layers, layout]);
  const helpId = useId();

  const spotOf = ({ nativeEvent: { offsetX, offsetY } }: PointerEvent | MouseEvent): MapSpot | null =>
    spotAt(layout, offsetX, offsetY);
  const choose = (chosen: MapSpot): void => {
    const { column } = chosen;
    if (onChooseSpot !== undefined) onChooseSpot(chosen);
    else if (layers[column] !== undefined) onSelectLayer?.(column === selectedLayer ? null : column);
  };
  const press = (event: KeyboardEvent): void => {
    const from = spot ?? { column: 0, row: 0 };
    const to = spot === null && event.key.startsWith('Arrow') ? from : spotAfter(layout, from, event.key);
    if (to !== null) setSpot(to);
    else if (event.key === 'Enter' || event.key === ' ') choose(from);
    else if (event.key === 'Escape') onSelectLayer?.(null);
    else return;
    event.preventDefault();
  };
  const told = spot && describe(spot);
  return (
    <figure className="model-map" aria-label={t('map.name')}>
      <div className="model-map-stage" ref={stage}>
        <div
          className="model-map-field"
          role="application"
          aria-label={t('map.name')}
          aria-describedby={helpId}
          tabIndex={0}
          onKeyDown={press}
          onFocus={({ target }) => {
            setFocused(true);
            // A pointer brings its own spot.
            if (target.matches(':focus-visible')) setSpot((known) => known ?? { column: 0, row: 0 });
          }}
          onBlur={() => {
            setFocused(false);
            setSpot(null);
          }}
        >
          <MapCanvas
            layout={layout}
            layers={layers}
            removal={removal}
            onPointerMove={(event) => setSpot(spotOf(event))}
            onPointerLeave={() => setSpot(null)}
            // A tap, or a click right after a jump, is where it is, not where the pointer was seen last.
            onClick={(event) => {
              const clicked = spotOf(event);
              if (clicked !== null) choose(clicked);
            }}
          />
          {activeLayer !== null && <ColumnMark layout={layout} column={activeLayer} kind="active" />}
          {selectedLayer !== null && <ColumnMark layout={layout} column={selectedLayer} kind="selected" />}
          {boxes.map(({ isLine, x, y, width, height: tall }) => (
            <div
              key={`${x} ${y}`}
              className={isLine ? 'model-map-lit line' : 'model-map-lit'}
              style={{ left: x - 1, top: y - 1, width: width + 2, height: tall + 2 }}
            />
          ))}
          {spot && <SpotMark layout={layout} spot={spot} />}
          {spot && told && (
            <MapTip layout={layout} spot={spot}>
              <strong>{told.title}</strong>
              {told.lines.map((line) => (
                <span key={line}>{line}</span>
              ))}
            </MapTip>
          )}
        </div>
      </div>
      <p className="visually-hidden" id={helpId}>
        {onChooseSpot === undefined ? t('map.help') : t('map.helpChoose')}
      </p>
      <div className="visually-hidden" role="status">
        {isFocused && told ? [told.title, ...told.lines].join('. ') : ''}
      </div>
      <MapLegend layers={layers} removal={removal} isLit={boxes.length > 0} />
      <div className="visually-hidden">
        <MapTable layers={layers} />
      </div>
    </figure>
  );
}

/** A model map small enough for a list; its picture is named, its numbers are elsewhere. */
export function ModelMapThumbnail({
  layers,
  removal,
  width = 160,
  height = 64,
}: {
  readonly layers: readonly MapLayer[];
  readonly removal: Removal;
  readonly width?: number;
  readonly height?: number;
}): ReactNode {
  const { t } = useTranslation();
  const layout = useMapLayout(layers, width, height, true);
  return (
    <span
      className="model-map-thumbnail"
      role="img"
      aria-label={t('map.thumbnail', { layers: layers.length })}
    >
      <MapCanvas layout={layout} layers={layers} removal={removal} />
    </span>
  );
}

function useMapLayout(
  layers: readonly MapLayer[],
  width: number,
  height: number,
  isThumbnail: boolean,
): MapLayout {
  return useMemo(
    () =>
      layoutMap(
        layers.map(({ before }) => before),
        { width, height, isThumbnail },
      ),
    [layers, width, height, isThumbnail],
  );
}

interface MapCanvasProps {
  readonly layout: MapLayout;
  readonly layers: readonly MapLayer[];
  readonly removal: Removal;
  readonly onPointerMove?: (event: PointerEvent) => void;
  readonly onPointerLeave?: () => void;
  readonly onClick?: (event: MouseEvent) => void;
}

function MapCanvas({ layout, layers, removal, ...pointer }: MapCanvasProps): ReactNode {
  const { t } = useTranslation();
  const theme = useThemeName();
  const canvas = useRef<HTMLCanvasElement>(null);
  const ranks = useMemo(() => importanceRanks(layers), [layers]);
  useEffect(() => {
    if (canvas.current === null || layout.width === 0) return;
    const texts = {
      attention: t('map.attentionHeads'),
      mlp: t('map.mlpWidth'),
      embedding: t('map.embedding'),
      head: t('map.head'),
    };
    paintOn(canvas.current, { layout, layers, ranks, removal, theme, texts });
  }, [layout, layers, ranks, removal, theme, t]);
  return (
    <canvas
      ref={canvas}
      aria-hidden="true"
      style={{ width: layout.width, height: layout.height }}
      {...pointer}
    />
  );
}

function paintOn(canvas: HTMLCanvasElement, picture: MapPicture): void {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.ceil(picture.layout.width * scale);
  canvas.height = Math.ceil(picture.layout.height * scale);
  const ctx = canvas.getContext('2d');
  if (ctx === null) return;
  ctx.setTransform(scale, 0, 0, scale, 0, 0);
  paintMap(ctx, picture);
}

function ColumnMark({
  layout,
  column,
  kind,
}: {
  readonly layout: MapLayout;
  readonly column: number;
  readonly kind: 'active' | 'selected';
}): ReactNode {
  const at = layout.columns[column];
  if (at === undefined) return null;
  const { headsBand, mlpBand } = layout;
  const style = {
    left: at.x - 3,
    width: at.width + 6,
    top: headsBand.y - 3,
    height: mlpBand.y + mlpBand.height - headsBand.y + 6,
  };
  return <div className={`model-map-column ${kind}`} data-layer={column} style={style} />;
}

function SpotMark({ layout, spot }: { readonly layout: MapLayout; readonly spot: MapSpot }): ReactNode {
  const { x = 0, y = 0, width = 0, height = 0 } = rectOf(layout, spot);
  return (
    <div
      className="model-map-spot"
      style={{ left: x - 2, top: y - 2, width: width + 4, height: height + 4 }}
    />
  );
}

const tipWidth = 220;

/** Beside the spot, on the side with more room, so that it never covers what it speaks of. */
function MapTip({
  layout,
  spot,
  children,
}: {
  readonly layout: MapLayout;
  readonly spot: MapSpot;
  readonly children: ReactNode;
}): ReactNode {
  const { x = 0, y = 0, width = 0 } = rectOf(layout, spot);
  const isLeft = x + width + tipWidth + 12 > layout.width;
  const left = isLeft ? Math.max(0, x - tipWidth - 10) : x + width + 10;
  const top = Math.max(0, Math.min(y - 8, layout.height - 96));
  return (
    <div className="model-map-tip" aria-hidden="true" style={{ left, top, width: tipWidth }}>
      {children}
    </div>
  );
}
