import type { LayerShape } from '../../preload/contract.ts';
import { headsPerGroup } from './map-layers.ts';

interface Span {
  readonly y: number;
  readonly height: number;
}

export interface MapColumn {
  readonly x: number;
  readonly width: number;
  /** One a query head, top down. */
  readonly heads: readonly Span[];
  /** One a KV group; empty where every head is its own. */
  readonly groups: readonly Span[];
  /** The MLP's width before pruning, from its top to the base line. */
  readonly mlp: Span;
}

export interface MapEnd {
  readonly x: number;
  readonly width: number;
}

/** Where everything of a model map lies, in CSS pixels. */
export interface MapLayout {
  readonly width: number;
  readonly height: number;
  readonly columns: readonly MapColumn[];
  /** Embedding and head: columns that are never pruned. */
  readonly embedding: MapEnd;
  readonly head: MapEnd;
  readonly headsBand: Span;
  readonly mlpBand: Span;
  /** Left inside a column for the bracket of its groups; 0 where there are none. */
  readonly bracketWidth: number;
  /** Every how many layers there is room for a number. */
  readonly labelEvery: number;
  readonly isThumbnail: boolean;
}

export interface MapFrame {
  readonly width: number;
  readonly height: number;
  readonly isThumbnail: boolean;
}

const labelHeight = 20;
const axisHeight = 20;
const maxColumnWidth = 100;
const maxCellHeight = 20;
const minLabelSpacing = 26;
/** Share of the height between the labels that the attention heads may take; the MLP has the rest. */
const maxHeadsShare = 0.62;
/** A bar shorter than this share of the heads would look like an afterthought. */
const maxMlpHeight = 150;

export function layoutMap(shapes: readonly LayerShape[], frame: MapFrame): MapLayout {
  const { width, height, isThumbnail } = frame;
  const gap = gapFor(width / (shapes.length + 2), isThumbnail);
  const pitch = Math.min(maxColumnWidth, width / (shapes.length + 2));
  const columnWidth = Math.max(1, pitch - gap);
  const endWidth = Math.min(columnWidth, isThumbnail ? 4 : 30);
  const total = shapes.length * pitch + 2 * (endWidth + gap) - gap;
  const left = Math.max(0, (width - total) / 2);
  const firstColumn = left + endWidth + gap;

  const mostHeads = Math.max(1, ...shapes.map(({ heads }) => heads));
  const mostGroups = Math.max(1, ...shapes.map(({ kvHeads }) => kvHeads));
  const isGrouped = shapes.some((shape) => headsPerGroup(shape) > 1);
  const chrome = isThumbnail ? 4 : 2 * labelHeight + axisHeight;
  const space = Math.max(10, height - chrome);
  const groupGap = !isGrouped ? 0 : isThumbnail ? 1 : 4;
  const cellPitch = Math.min(
    maxCellHeight,
    (space * maxHeadsShare - groupGap * (isGrouped ? mostGroups - 1 : 0)) / mostHeads,
  );
  const cellGap = cellPitch >= 5 ? (isThumbnail ? 1 : 2) : cellPitch >= 3 ? 1 : 0.5;
  const headsHeight = cellPitch * mostHeads + groupGap * (isGrouped ? mostGroups - 1 : 0);
  const mlpHeight = isThumbnail ? space - headsHeight : Math.min(maxMlpHeight, space - headsHeight);
  const top = isThumbnail ? 0 : labelHeight;
  const headsBand = { y: top, height: headsHeight };
  const mlpBand = { y: top + headsHeight + (isThumbnail ? 4 : labelHeight), height: mlpHeight };
  const widest = Math.max(1, ...shapes.map(({ mlpWidth }) => mlpWidth));

  const columns = shapes.map((shape, layer): MapColumn => {
    const perGroup = headsPerGroup(shape);
    const groupPitch = cellPitch * perGroup + groupGap;
    const barHeight = (shape.mlpWidth / widest) * mlpBand.height;
    return {
      x: firstColumn + layer * pitch,
      width: columnWidth,
      heads: Array.from({ length: shape.heads }, (_, head) => ({
        y: headsBand.y + Math.floor(head / perGroup) * groupPitch + (head % perGroup) * cellPitch,
        height: cellPitch - cellGap,
      })),
      groups:
        perGroup > 1
          ? Array.from({ length: shape.kvHeads }, (_, group) => ({
              y: headsBand.y + group * groupPitch,
              height: cellPitch * perGroup - cellGap,
            }))
          : [],
      mlp: { y: mlpBand.y + mlpBand.height - barHeight, height: barHeight },
    };
  });
  return {
    width,
    height: mlpBand.y + mlpBand.height + (isThumbnail ? 0 : axisHeight),
    columns,
    embedding: { x: left, width: endWidth },
    head: { x: firstColumn + shapes.length * pitch, width: endWidth },
    headsBand,
    mlpBand,
    bracketWidth: isGrouped && columnWidth >= 14 && !isThumbnail ? 5 : 0,
    labelEvery: Math.max(1, Math.ceil(minLabelSpacing / pitch)),
    isThumbnail,
  };
}

function gapFor(pitch: number, isThumbnail: boolean): number {
  if (isThumbnail) return pitch >= 8 ? 2 : pitch >= 3 ? 1 : 0;
  if (pitch >= 24) return 4;
  return pitch >= 9 ? 2 : 1;
}

/** A place on the map: column -1 is the embedding, the one after the layers the head; the row after the heads the MLP. */
export interface MapSpot {
  readonly column: number;
  readonly row: number;
}

/** What lies under a point; null between columns. */
export function spotAt(layout: MapLayout, x: number, y: number): MapSpot | null {
  const { columns, embedding, head } = layout;
  if (inEnd(embedding, x)) return { column: -1, row: 0 };
  if (inEnd(head, x)) return { column: columns.length, row: 0 };
  // The gap behind a column is the column's.
  const at = columns.findLastIndex((column) => x >= column.x);
  const last = columns.at(-1);
  if (at < 0 || last === undefined || x >= last.x + last.width) return null;
  const column = columns[at];
  if (y >= layout.mlpBand.y) return { column: at, row: column.heads.length };
  const row = column.heads.findLastIndex((cell) => y >= cell.y);
  return { column: at, row: Math.max(0, row) };
}

const inEnd = (end: MapEnd, x: number): boolean => x >= end.x && x < end.x + end.width;

/** Where an arrow key leads; null for keys that do not move. */
export function spotAfter(layout: MapLayout, from: MapSpot, key: string): MapSpot | null {
  const lastColumn = layout.columns.length;
  const rows = (column: number): number => layout.columns[column]?.heads.length ?? 0;
  const to = (column: number, row: number): MapSpot => {
    const inside = Math.min(lastColumn, Math.max(-1, column));
    // From the MLP of one layer to the MLP of the next, though they may differ in heads.
    const sameKind = from.row >= rows(from.column) && row === from.row ? rows(inside) : row;
    return { column: inside, row: Math.min(rows(inside), Math.max(0, sameKind)) };
  };
  switch (key) {
    case 'ArrowLeft':
      return to(from.column - 1, from.row);
    case 'ArrowRight':
      return to(from.column + 1, from.row);
    case 'ArrowUp':
      return to(from.column, from.row - 1);
    case 'ArrowDown':
      return to(from.column, from.row + 1);
    case 'Home':
      return to(0, from.row);
    case 'End':
      return to(lastColumn - 1, from.row);
    case 'PageUp':
      return to(from.column, 0);
    case 'PageDown':
      return to(from.column, rows(from.column));
    default:
      return null;
  }
}

/** The outline of a place. */
export function rectOf(layout: MapLayout, { column, row }: MapSpot): DOMRectInit {
  const end = column < 0 ? layout.embedding : layout.columns[column] === undefined ? layout.head : null;
  if (end !== null) {
    const { headsBand, mlpBand } = layout;
    return { x: end.x, width: end.width, y: headsBand.y, height: mlpBand.y + mlpBand.height - headsBand.y };
  }
  const { x, width, heads, mlp } = layout.columns[column];
  const { y, height } = heads[row] ?? mlp;
  return { x, width, y, height };
}
