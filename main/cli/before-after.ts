import type { ModelCosts } from '../engine/prune/plan.ts';
import { change, scaledMacs, grouped, mebibytes } from './quantities.ts';
import { formatTable } from './table.ts';

type Measured = ModelCosts & { readonly perplexity?: number | null };

/** Parameters, MACs, weight bytes, memory and, where it is known, perplexity: before, after, difference. */
export function beforeAfterTable(before: Measured, after: Measured): string {
  const rows = quantities.map(({ name, format, value }) => [
    name,
    format(value(before)),
    format(value(after)),
    change(value(before), value(after)),
  ]);
  if (typeof before.perplexity === 'number' && typeof after.perplexity === 'number') {
    const shown = [before.perplexity, after.perplexity].map(asPerplexity);
    rows.push(['Perplexity', ...shown, change(before.perplexity, after.perplexity)]);
  }
  return formatTable([['', 'before', 'after', 'change'], ...rows]);
}

/** The same of several models side by side; one whose perplexity was not measured shows a dash. */
export function sideBySideTable(models: readonly (readonly [name: string, model: Measured])[]): string {
  const rows = quantities.map(({ name, format, value }) => [
    name,
    ...models.map(([, model]) => format(value(model))),
  ]);
  if (models.some(([, { perplexity }]) => typeof perplexity === 'number')) {
    const shown = models.map(([, { perplexity }]) =>
      typeof perplexity === 'number' ? asPerplexity(perplexity) : '–',
    );
    rows.push(['Perplexity', ...shown]);
  }
  return formatTable([['', ...models.map(([name]) => name)], ...rows]);
}

const asPerplexity = (value: number): string => value.toPrecision(5);

const quantities: readonly {
  readonly name: string;
  readonly format: (value: number) => string;
  readonly value: (of: Measured) => number;
}[] = [
  { name: 'Parameters', format: grouped, value: ({ parameters }) => parameters },
  { name: 'MACs (64 tokens)', format: scaledMacs, value: ({ macs }) => macs },
  { name: 'Weights', format: mebibytes, value: ({ weightBytes }) => weightBytes },
  { name: 'Memory (fp16, published formula)', format: mebibytes, value: ({ memoryBytes }) => memoryBytes },
];
