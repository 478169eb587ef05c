import type { Palette } from '../theme/tokens.ts';

export interface ChartLine {
  readonly name: string;
  readonly color: keyof Palette & ('accent' | 'worse' | 'data' | 'better');
  /** Whether each point is marked: few, and far apart. */
  readonly marks: boolean;
  /** By x, rising. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** All lines over the same x; null where a line has no point. */
export function alignedLines(lines: readonly ChartLine[]): {
  readonly xs: readonly number[];
  readonly columns: readonly (readonly (number | null)[])[];
} {
  const xs = [...new Set(lines.flatMap(({ points }) => points.map(([x]) => x)))].sort((a, b) => a - b);
  const columns = lines.map(({ points }) => {
    const values = new Map(points);
    return xs.map((x) => values.get(x) ?? null);
  });
  return { xs, columns };
}

/** Rows of a table that is heard, not seen: nobody listens to a thousand. */
const mostTableRows = 20;

export function tableRows(
  xs: readonly number[],
  columns: readonly (readonly (number | null)[])[],
): (readonly [number, ...(number | null)[]])[] {
  const every = Math.max(1, Math.ceil(xs.length / mostTableRows));
  return xs.flatMap((x, i) => {
    const isShown = i % every === 0 || i === xs.length - 1;
    return isShown ? [[x, ...columns.map((column) => column[i])] as const] : [];
  });
}

/** Places of labels so that none lies on another: pushed down by as little as need be, and up from the end. */
export function spreadLabels(
  places: readonly (number | null)[],
  apart: number,
  end: number,
): (number | null)[] {
  const order = places.flatMap((y, i) => (y === null ? [] : [{ y, i }])).sort((a, b) => a.y - b.y);
  order.forEach((label, k) => {
    if (k > 0) label.y = Math.max(label.y, order[k - 1].y + apart);
  });
  for (let k = order.length - 1; k >= 0; k--) {
    const limit = k === order.length - 1 ? end : order[k + 1].y - apart;
    order[k].y = Math.min(order[k].y, limit);
  }
  const spread: (number | null)[] = places.map(() => null);
  for (const { y, i } of order) spread[i] = y;
  return spread;
}
