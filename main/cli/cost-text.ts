import type { CostReport } from '../engine/cost.ts';
import type { ModelSpeed } from '../engine/evaluate/cost/report.ts';
import type { Speedup } from '../engine/evaluate/cost/latency.ts';
import { mebibytes } from './quantities.ts';
import { formatTable } from './table.ts';

/** Memory, speeds and latencies of models side by side, and what that comes to in words. */
export function costText(report: CostReport, shown: (name: string) => string): string {
  const names = report.models.map(({ name }) => shown(name));
  const memory = [
    'Peak memory of a forward (64 tokens)',
    ...report.models.map((m) => mebibytes(m.peakBytes)),
  ];
  const rows = report.points.flatMap(({ batchSize, promptLength, models }) => {
    const size = `${batchSize} x ${promptLength}`;
    const row = (name: string, cell: (speed: ModelSpeed) => string): string[] => [name, ...models.map(cell)];
    return [
      row(`Prompt ${size}, tokens/s`, ({ prefill }) => prefill.tokensPerSecond.toFixed(1)),
      row('  ms, p50 / p90 / p99', ({ prefill }) => latency(prefill)),
      row(`New tokens after ${size}, tokens/s`, ({ decode }) => decode.tokensPerSecond.toFixed(1)),
      row('  ms, p50 / p90 / p99', ({ decode }) => latency(decode)),
    ];
  });
  const sentences = report.points.flatMap(({ batchSize, promptLength, models }) =>
    models.flatMap(({ speedup }, i) => {
      if (!speedup) return [];
      const where = report.points.length > 1 ? ` (${batchSize} x ${promptLength})` : '';
      const judged = (what: string, of: Speedup): string => sentence(what + where, names[i], names[0], of);
      return [judged('Prompt', speedup.prefill), judged('New tokens', speedup.decode)];
    }),
  );
  const { newTokens, repeats } = report.settings;
  const how = `${repeats} rounds of ${newTokens} new tokens, ${names.length > 1 ? 'the models in turn, ' : ''}${report.threads} threads; tokens/s at the median time.`;
  return [formatTable([['', ...names], memory, ...rows]), '', ...sentences, how].join('\n');
}

const latency = ({ latencyMs: { p50, p90, p99 } }: ModelSpeed['decode']): string =>
  [p50, p90, p99].map((ms) => ms.toFixed(ms < 100 ? 1 : 0)).join(' / ');

function sentence(what: string, name: string, reference: string, speedup: Speedup): string {
  const [factor, low, high] = [speedup.factor, speedup.low, speedup.high].map((x) => x.toFixed(2));
  const times = `${factor} times the speed of ${reference} (95 %: ${low} to ${high})`;
  const verdict = {
    faster: `faster: ${times}`,
    slower: `slower: ${times}`,
    'no-difference': `not measurably faster or slower: ${times}`,
  }[speedup.verdict];
  return `${what}: ${name} is ${verdict}.`;
}
