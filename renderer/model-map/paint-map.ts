import { importanceRamp, type Ramp } from '../theme/importance-ramp.ts';
import { fontFamily, palettes, typeScale, type Palette, type ThemeName } from '../theme/tokens.ts';
import {
  goingHeads,
  goingKvHeads,
  headsPerGroup,
  type ImportanceRanks,
  type MapLayer,
} from './map-layers.ts';
import type { MapColumn, MapLayout } from './map-layout.ts';

/** Whether what goes is still there, hollow, or gone already, a gap. */
export type Removal = 'planned' | 'done';

export interface MapTexts {
  readonly attention: string;
  readonly mlp: string;
  readonly embedding: string;
  readonly head: string;
}

export interface MapPicture {
  readonly layout: MapLayout;
  readonly layers: readonly MapLayer[];
  readonly ranks: ImportanceRanks;
  readonly removal: Removal;
  readonly theme: ThemeName;
  readonly texts: MapTexts;
}

interface Brush {
  readonly ctx: CanvasRenderingContext2D;
  readonly colors: Palette;
  readonly ramp: Ramp;
  readonly hatch: CanvasPattern | string;
}

const ramps: Readonly<Record<ThemeName, Ramp>> = {
  light: importanceRamp(palettes.light.importance),
  dark: importanceRamp(palettes.dark.importance),
};

/** Draws the whole map; `ctx` is scaled so that its units are CSS pixels. */
export function paintMap(ctx: CanvasRenderingContext2D, picture: MapPicture): void {
  const { layout, layers, ranks, removal, theme, texts } = picture;
  const colors = palettes[theme];
  const brush: Brush = { ctx, colors, ramp: ramps[theme], hatch: hatchPattern(ctx, colors) };
  ctx.clearRect(0, 0, layout.width, layout.height);
  paintEnd(brush, layout, layout.embedding, texts.embedding);
  paintEnd(brush, layout, layout.head, texts.head);
  for (const [i, column] of layout.columns.entries()) {
    paintHeads(brush, layout, column, layers[i], ranks.heads[i], removal);
    paintMlp(brush, layout, column, layers[i], ranks.channels[i], removal);
  }
  if (!layout.isThumbnail) paintLabels(brush, layout, texts);
}

function paintHeads(
  brush: Brush,
  layout: MapLayout,
  column: MapColumn,
  layer: MapLayer,
  ranks: readonly number[] | null,
  removal: Removal,
): void {
  const { ctx, colors } = brush;
  const { bracketWidth } = layout;
  const going = goingKvHeads(layer);
  const goingAlone = goingHeads(layer);
  const perGroup = headsPerGroup(layer.before);
  const x = column.x + bracketWidth;
  const width = column.width - bracketWidth;
  for (const [head, cell] of column.heads.entries()) {
    const group = Math.floor(head / perGroup);
    if (layer.attentionLocked) fillHatched(brush, x, cell.y, width, cell.height);
    else if (goingAlone.has(head)) paintGoing(brush, x, cell.y, width, cell.height, removal);
    else fill(ctx, ranks === null ? colors.data : brush.ramp(ranks[group]), x, cell.y, width, cell.height);
    if (layer.pinnedKvHeads.includes(group)) paintPin(brush, x, cell.y, width, cell.height);
  }
  if (bracketWidth === 0) return;
  for (const [group, { y, height }] of column.groups.entries()) {
    if (going.has(group) && removal === 'done') continue;
    ctx.strokeStyle = colors.edge;
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(column.x + 3.5, y + 0.5);
    ctx.lineTo(column.x + 0.5, y + 0.5);
    ctx.lineTo(column.x + 0.5, y + height - 0.5);
    ctx.lineTo(column.x + 3.5, y + height - 0.5);
    ctx.stroke();
  }
}

function paintMlp(
  brush: Brush,
  layout: MapLayout,
  column: MapColumn,
  layer: MapLayer,
  ranks: readonly number[] | null,
  removal: Removal,
): void {
  const { ctx, colors } = brush;
  const { x, width, mlp } = column;
  const base = mlp.y + mlp.height;
  if (layer.mlpLocked) {
    fillHatched(brush, x, mlp.y, width, mlp.height);
    return;
  }
  const keptShare = layer.before.mlpWidth === 0 ? 0 : layer.after.mlpWidth / layer.before.mlpWidth;
  const keptHeight = mlp.height * keptShare;
  if (ranks === null) fill(ctx, colors.data, x, base - keptHeight, width, keptHeight);
  else {
    const slice = mlp.height / ranks.length;
    for (const [i, rank] of ranks.entries()) {
      const height = Math.min(slice, keptHeight - i * slice);
      // Overlapping by a hair keeps the page from showing between slices.
      if (height > 0)
        fill(ctx, brush.ramp(rank), x, base - i * slice - height, width, height + (i > 0 ? 0.4 : 0));
    }
  }
  if (keptHeight < mlp.height - 0.5) {
    const gap = layout.isThumbnail ? 0 : 1;
    paintGoing(brush, x, mlp.y, width, mlp.height - keptHeight - gap, removal);
  }
  fill(ctx, colors.edge, x, base, width, layout.isThumbnail ? 0.5 : 1);
}

function paintGoing(
  { ctx, colors }: Brush,
  x: number,
  y: number,
  width: number,
  height: number,
  removal: Removal,
): void {
  if (removal === 'done' || height <= 0) return;
  ctx.strokeStyle = colors.edge;
  ctx.lineWidth = 1;
  if (width < 3 || height < 3) {
    ctx.globalAlpha = 0.35;
    fill(ctx, colors.edge, x, y, width, height);
    ctx.globalAlpha = 1;
    return;
  }
  ctx.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1);
}

/** A square in the middle of a head that stays whatever it scores, seen on every colour of the ramp. */
function paintPin({ ctx, colors }: Brush, x: number, y: number, width: number, height: number): void {
  const size = Math.min(6, width - 2, height - 2);
  if (size < 2) return;
  const [left, top] = [Math.round(x + (width - size) / 2), Math.round(y + (height - size) / 2)];
  fill(ctx, colors.surface, left - 1, top - 1, size + 2, size + 2);
  fill(ctx, colors.accent, left, top, size, size);
}

function fillHatched(brush: Brush, x: number, y: number, width: number, height: number): void {
  const { ctx, colors } = brush;
  fill(ctx, brush.hatch, x, y, width, height);
  if (width < 4 || height < 4) return;
  ctx.strokeStyle = colors.dataQuiet;
  ctx.lineWidth = 1;
  ctx.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1);
}

function paintEnd(brush: Brush, layout: MapLayout, end: { x: number; width: number }, text: string): void {
  const { ctx, colors } = brush;
  const { headsBand, mlpBand } = layout;
  const height = mlpBand.y + mlpBand.height - headsBand.y;
  fillHatched(brush, end.x, headsBand.y, end.width, height);
  if (layout.isThumbnail || end.width < 14) return;
  ctx.save();
  ctx.font = font();
  const length = ctx.measureText(text).width + 16;
  ctx.translate(end.x + end.width / 2, headsBand.y + height / 2);
  ctx.rotate(-Math.PI / 2);
  fill(ctx, colors.surface, -length / 2, -9, length, 18);
  ctx.fillStyle = colors.textQuiet;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  ctx.fillText(text, 0, 0);
  ctx.restore();
}

function paintLabels({ ctx, colors }: Brush, layout: MapLayout, texts: MapTexts): void {
  const { columns, headsBand, mlpBand, labelEvery } = layout;
  ctx.font = font();
  ctx.fillStyle = colors.textQuiet;
  ctx.textBaseline = 'alphabetic';
  ctx.textAlign = 'left';
  const left = columns[0]?.x ?? 0;
  ctx.fillText(texts.attention, left, headsBand.y - 6);
  ctx.fillText(texts.mlp, left, mlpBand.y - 6);
  ctx.textAlign = 'center';
  for (const [layer, column] of columns.entries()) {
    if (layer % labelEvery === 0)
      ctx.fillText(String(layer), column.x + column.width / 2, mlpBand.y + mlpBand.height + 15);
  }
}

function fill(
  ctx: CanvasRenderingContext2D,
  style: CanvasPattern | string,
  x: number,
  y: number,
  width: number,
  height: number,
): void {
  ctx.fillStyle = style;
  ctx.fillRect(x, y, width, height);
}

function hatchPattern(ctx: CanvasRenderingContext2D, colors: Palette): CanvasPattern | string {
  const size = 6;
  const tile = document.createElement('canvas');
  tile.width = size;
  tile.height = size;
  const brush = tile.getContext('2d');
  if (brush === null) return colors.dataQuiet;
  brush.strokeStyle = colors.dataQuiet;
  brush.lineWidth = 1.2;
  brush.beginPath();
  for (const at of [-size, 0, size]) {
    brush.moveTo(at - 1, size + 1);
    brush.lineTo(at + size + 1, -1);
  }
  brush.stroke();
  return ctx.createPattern(tile, 'repeat') ?? colors.dataQuiet;
}

const font = (): string => `${typeScale.xs}px ${fontFamily}`;
