import type { ModelCosts } from '../engine/prune/plan.ts';
import { change, scaledMacs, grouped, mebibytes } from './quantities.ts';
import { formatTable } from './table.ts';

type Measured = ModelCosts & { readonly perplexity?: number | null };

/** Parameters, MACs, weight bytes, memory and, where it is known, perplexity: before, after, difference. */
export function beforeAfterTable(before: Measured, after: Measured): string {
  const row = (
    name: string,
    format: (value: number) => string,
    value: (of: Measured) => number,
  ): string[] => [name, format(value(before)), format(value(after)), change(value(before), value(after))];
  const rows = [
    ['', 'before', 'after', 'change'],
    row('Parameters', grouped, ({ parameters }) => parameters),
    row('MACs (64 tokens)', scaledMacs, ({ macs }) => macs),
    row('Weights', mebibytes, ({ weightBytes }) => weightBytes),
    row('Memory (fp16, published formula)', mebibytes, ({ memoryBytes }) => memoryBytes),
  ];
  if (typeof before.perplexity === 'number' && typeof after.perplexity === 'number') {
    rows.push(
      row(
        'Perplexity',
        (value) => value.toPrecision(5),
        ({ perplexity }) => perplexity ?? NaN,
      ),
    );
  }
  return formatTable(rows);
}
