/** Times of one kind of work, in milliseconds: the half of them, nine in ten, ninety-nine in a hundred took no longer. */
export interface Latency {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/** @param timesMs At least one. */
export function latencyOf(timesMs: readonly number[]): Latency {
  return { p50: quantile(timesMs, 0.5), p90: quantile(timesMs, 0.9), p99: quantile(timesMs, 0.99) };
}

/** Linear between the two nearest, as numpy's default. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = Float64Array.from(values).sort();
  const at = part * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

/** How many times as fast one model is as another, and where that lies with 95 % confidence. */
export interface Speedup {
  readonly factor: number;
  readonly low: number;
  readonly high: number;
  /** In words: `faster` and `slower` only where the whole interval says so. */
  readonly verdict: 'faster' | 'slower' | 'no-difference';
}

/**
 * From rounds in each of which both were timed in turn: what holds both up in a round cancels. A round's quotient is the
 * median over its pairs; factor and interval are the mean and Student's interval of their logarithms.
 * @param reference Times by round, of the model that is compared with; as many a round as in `times`.
 * @param times Of the other, in the same order. At least two rounds.
 */
export function speedupOf(
  reference: readonly (readonly number[])[],
  times: readonly (readonly number[])[],
): Speedup {
  const logs = times.map((round, i) =>
    quantile(
      round.map((ms, j) => Math.log(reference[i][j] / ms)),
      0.5,
    ),
  );
  const mean = logs.reduce((a, b) => a + b, 0) / logs.length;
  const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (logs.length - 1);
  const half = studentQuantile(logs.length - 1) * Math.sqrt(variance / logs.length);
  const [low, high] = [Math.exp(mean - half), Math.exp(mean + half)];
  const verdict = low > 1 ? 'faster' : high < 1 ? 'slower' : 'no-difference';
  return { factor: Math.exp(mean), low, high, verdict };
}

/** Two-sided 95 % quantiles of Student's t by degrees of freedom, from 1. */
const tabulated = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131,
  2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/** Beyond the table by Cornish and Fisher's expansion, which there is right to four figures. */
export function studentQuantile(freedom: number): number {
  if (freedom <= tabulated.length) return tabulated[freedom - 1];
  const z = 1.959964;
  return z + (z ** 3 + z) / (4 * freedom) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2);
}
