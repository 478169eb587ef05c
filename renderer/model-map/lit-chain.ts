import type { Chain } from '../../preload/dependency-contract.ts';
import { headsPerGroup, type MapLayer } from './map-layers.ts';
import type { MapEnd, MapLayout, MapSpot } from './map-layout.ts';

/** What of a map a chain of dependencies goes through. */
export type LitChain = Chain['lit'];

/** A lit part of the map, in CSS pixels; a line is one channel of many. */
export interface LitBox {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly isLine?: true;
}

/** Whether a place of the map is part of the chain. */
export function isLit(lit: LitChain, layers: readonly MapLayer[], { column, row }: MapSpot): boolean {
  const layer = layers[column];
  if (layer === undefined) return column < 0 ? lit.embedding : lit.head;
  if (!lit.layers.includes(column)) return false;
  const isMlp = row >= layer.before.heads;
  if (lit.channel !== null) return isMlp;
  if (lit.kvHead === null) return true;
  return !isMlp && Math.floor(row / headsPerGroup(layer.before)) === lit.kvHead;
}

/** The outlines to draw over a map. */
export function litBoxes(lit: LitChain, layers: readonly MapLayer[], layout: MapLayout): LitBox[] {
  const { headsBand, mlpBand } = layout;
  const whole = { y: headsBand.y, height: mlpBand.y + mlpBand.height - headsBand.y };
  const endBox = ({ x, width }: MapEnd): LitBox => ({ x, width, ...whole });
  return [
    ...(lit.embedding ? [endBox(layout.embedding)] : []),
    ...lit.layers.flatMap((layer) => layerBoxes(lit, layers, layout, layer)),
    ...(lit.head ? [endBox(layout.head)] : []),
  ];
}

function layerBoxes(
  { kvHead, channel }: LitChain,
  layers: readonly MapLayer[],
  layout: MapLayout,
  layer: number,
): LitBox[] {
  const column = layout.columns[layer];
  const of = layers[layer];
  if (column === undefined || of === undefined) return [];
  const { x, width, heads, mlp } = column;
  if (kvHead !== null) {
    const perGroup = headsPerGroup(of.before);
    const first = heads[kvHead * perGroup];
    const last = heads[(kvHead + 1) * perGroup - 1];
    if (first === undefined || last === undefined) return [];
    return [{ x, width, y: first.y, height: last.y + last.height - first.y }];
  }
  if (channel !== null) {
    const y = mlp.y + mlp.height * (1 - (channel + 0.5) / of.before.mlpWidth);
    return [
      { x, width, ...mlp },
      { x, width, y: y - 1, height: 2, isLine: true },
    ];
  }
  return [
    { x, width, ...layout.headsBand },
    { x, width, ...mlp },
  ];
}
