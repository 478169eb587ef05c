import { toldApart } from '../../../preload/forms/told-apart.ts';
import type { Comparison, ComparisonRow } from './comparison.ts';
import type { ComparisonWords } from './comparison-words.ts';
import { escapeMarkup } from './markup.ts';
import { labelOf, protocolOf } from './written-comparison.ts';

/** Drawings for a page without scripts; colours are the page's classes s0 … s5 and l0 … l5. */

const width = 560;
const colours = 6;
const lineHeight = 13;

const nameOf = ({ models }: Comparison, i: number, words: ComparisonWords): string =>
  `${models[i].name} (${words.roles[models[i].role]})`;

/** Scores of each task, grouped, from zero; null without any. */
export function tasksChart(comparison: Comparison, words: ComparisonWords): string | null {
  const rows = comparison.rows.filter(({ protocol }) => protocol?.about === 'tasks' && protocol.isCounted);
  if (rows.length === 0) return null;
  const barHeight = 10;
  const left = 150;
  const reach = width - left - 50;
  // Letters are higher than bars.
  let y = 4;
  const apart = toldApart(
    rows.map((row) => ({ label: labelOf(row, words), protocol: protocolOf(row, words) })),
  );
  const groups = rows.map((row, at) => {
    const top = y;
    const bars = row.cells.flatMap(({ value, error }, i) => {
      if (value === null) return [];
      const bar = `<rect class="s${i % colours}" x="${left}" y="${y}" width="${fixed(value * reach)}" height="${barHeight - 2}"/>${whisker(left, reach, y + barHeight / 2 - 1, value, error ?? 0)}<text class="quiet" x="${fixed(left + (value + (error ?? 0)) * reach + 4)}" y="${y + barHeight - 2}">${(100 * value).toFixed(1)}</text>`;
      y += barHeight + 2;
      return [bar];
    });
    if (apart[at] !== '') y = Math.max(y, top + 26);
    y += 8;
    const note =
      apart[at] === ''
        ? ''
        : `<text class="quiet" x="${left - 8}" y="${top + 24}" text-anchor="end">${escapeMarkup(apart[at])}</text>`;
    const lines = `<text x="${left - 8}" y="${top + 10}" text-anchor="end">${escapeMarkup(labelOf(row, words))}</text>${note}`;
    return `${lines}${bars.join('')}`;
  });
  return figure(words.tasks, y, groups.join('\n'), keyOf(comparison, words, rows));
}

/** One standard error to either side of a bar's end; nothing where it is not known, or none. */
function whisker(left: number, reach: number, y: number, value: number, error: number): string {
  if (error === 0) return '';
  const [from, to] = [Math.max(0, value - error), Math.min(1, value + error)].map((at) =>
    fixed(left + at * reach),
  );
  return `<path class="error" d="M${from} ${y}H${to}M${from} ${y - 3}v6M${to} ${y - 3}v6"/>`;
}

/** The perplexity that most models have, against parameters; null where fewer than two have one. */
export function qualityChart(comparison: Comparison, words: ComparisonWords): string | null {
  const row = mostMeasured(comparison.rows.filter(({ kind }) => kind === 'perplexity'));
  const sizes = comparison.rows.find(({ kind }) => kind === 'parameters');
  if (row === undefined || sizes === undefined) return null;
  const points = row.cells.flatMap(({ value }, i) => {
    const size = sizes.cells[i].value;
    return value === null || size === null ? [] : [{ i, size, value }];
  });
  if (points.length < 2) return null;
  const [left, top, right, bottom] = [60, 36, width - 140, 240];
  const x = scale(
    points.map(({ size }) => size),
    left,
    right,
  );
  const y = scale(
    points.map(({ value }) => Math.log(value)),
    bottom,
    top,
  );
  const written: { readonly isLeft: boolean; readonly line: number }[] = [];
  const marks = points.map(({ i, size, value }) => {
    const [px, py] = [x(size), y(Math.log(value))];
    // Towards the middle, where there is room; under a name that is there already.
    const isLeft = px > (left + right) / 2;
    let line = py + 4;
    const isTaken = (at: number): boolean =>
      written.some((other) => other.isLeft === isLeft && Math.abs(other.line - at) < lineHeight);
    while (isTaken(line)) line += lineHeight;
    written.push({ isLeft, line });
    const place = `x="${fixed(px + (isLeft ? -8 : 8))}" y="${fixed(line)}"${isLeft ? ' text-anchor="end"' : ''}`;
    return `<circle class="s${i % colours}" cx="${fixed(px)}" cy="${fixed(py)}" r="5"/><text ${place}>${escapeMarkup(nameOf(comparison, i, words))} ${value.toPrecision(4)}</text>`;
  });
  const lowest = Math.max(bottom, ...written.map(({ line }) => line - 4));
  const axes = `<line class="axis" x1="${left}" y1="${lowest + 14}" x2="${right}" y2="${lowest + 14}"/><line class="axis" x1="${left - 14}" y1="${top}" x2="${left - 14}" y2="${bottom}"/>
<text class="quiet" x="${right}" y="${lowest + 30}" text-anchor="end">${escapeMarkup(words.kinds.parameters)} →</text>
<text class="quiet" x="0" y="12">${escapeMarkup(words.kinds.perplexity)} ↑</text>`;
  const protocol = ` (${protocolOf(row, words)})`;
  return figure(`${words.qualityAgainstSize}${protocol}`, lowest + 40, `${axes}\n${marks.join('\n')}`, '');
}

/** Widths of each layer as lines from zero; null where no model tells its layers. */
export function widthsChart(
  comparison: Comparison,
  kind: 'heads' | 'mlpWidth',
  words: ComparisonWords,
): string | null {
  const lines = comparison.models.flatMap(({ layers }, i) =>
    layers === null ? [] : [{ i, widths: layers.map((layer) => layer[kind]) }],
  );
  if (lines.length === 0) return null;
  const widest = Math.max(...lines.flatMap(({ widths }) => widths));
  const deepest = Math.max(...lines.map(({ widths }) => widths.length));
  const [left, top, bottom] = [60, 8, 160];
  const pitch = (width - left - 10) / deepest;
  const y = (value: number): number => bottom - (value / widest) * (bottom - top);
  const paths = lines.map(({ i, widths }) => {
    const steps = widths.map(
      (value, layer) => `L${fixed(left + layer * pitch)} ${fixed(y(value))}h${fixed(pitch)}`,
    );
    return `<path class="l${i % colours}" d="M${left} ${fixed(y(widths[0]))}${steps.join('')}"/>`;
  });
  const axes = `<line class="axis" x1="${left}" y1="${bottom}" x2="${width}" y2="${bottom}"/>
<text class="quiet" x="${left - 8}" y="${bottom}" text-anchor="end">0</text>
<text class="quiet" x="${left - 8}" y="${top + 6}" text-anchor="end">${widest}</text>
<text class="quiet" x="${width}" y="${bottom + 18}" text-anchor="end">${escapeMarkup(words.layer)} 0–${deepest - 1} →</text>`;
  const title = kind === 'heads' ? words.heads : words.mlpWidths;
  const named = lines.map(({ i }) => i);
  return figure(title, bottom + 24, `${axes}\n${paths.join('\n')}`, key(comparison, words, named));
}

/** The row with a number of the most models. */
function mostMeasured(rows: readonly ComparisonRow[]): ComparisonRow | undefined {
  const count = (row: ComparisonRow): number => row.cells.filter(({ value }) => value !== null).length;
  return [...rows].sort((a, b) => count(b) - count(a)).at(0);
}

function keyOf(comparison: Comparison, words: ComparisonWords, rows: readonly ComparisonRow[]): string {
  const shown = comparison.models
    .map((_, i) => i)
    .filter((i) => rows.some(({ cells }) => cells[i].value !== null));
  return key(comparison, words, shown);
}

function key(comparison: Comparison, words: ComparisonWords, shown: readonly number[]): string {
  const entries = shown.map(
    (i) =>
      `<svg width="12" height="12" aria-hidden="true"><rect class="s${i % colours}" width="12" height="12"/></svg> ${escapeMarkup(nameOf(comparison, i, words))}`,
  );
  return `<small>${entries.join(' &nbsp; ')}</small>`;
}

function scale(values: readonly number[], from: number, to: number): (value: number) => number {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return (value) =>
    most === least ? (from + to) / 2 : from + ((value - least) / (most - least)) * (to - from);
}

const fixed = (value: number): string => value.toFixed(1);

function figure(title: string, height: number, content: string, note: string): string {
  return `<figure><figcaption>${escapeMarkup(title)}</figcaption><svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeMarkup(title)}">
${content}
</svg>${note}</figure>`;
}
