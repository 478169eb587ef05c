import type { CostPoint, Times } from './interleave.ts';
import { latencyOf, speedupOf, type Latency, type Speedup } from './latency.ts';

/** Of one kind of work; the rate is that of the median time, which a pause of the machine does not change. */
export interface Speed {
  readonly tokensPerSecond: number;
  /** Of the work at once: a whole prompt, a token in every row. */
  readonly latencyMs: Latency;
}

export interface ModelSpeed {
  readonly prefill: Speed;
  readonly decode: Speed;
  /** Beside the first model of the measurement; null for that one. */
  readonly speedup: { readonly prefill: Speedup; readonly decode: Speedup } | null;
}

/** One size of work, done by every model in turn. */
export interface PointReport extends CostPoint {
  readonly models: readonly ModelSpeed[];
}

/** @param times By model, the one to compare with first. */
export function reportPoint(point: CostPoint, times: readonly Times[]): PointReport {
  const { batchSize, promptLength } = point;
  const [reference] = times;
  return {
    ...point,
    models: times.map(({ prefillMs, decodeMs }, i) => ({
      prefill: speedOf(prefillMs, batchSize * promptLength),
      decode: speedOf(decodeMs, batchSize),
      speedup:
        i === 0
          ? null
          : {
              prefill: speedupOf(reference.prefillMs, prefillMs),
              decode: speedupOf(reference.decodeMs, decodeMs),
            },
    })),
  };
}

function speedOf(rounds: readonly (readonly number[])[], tokens: number): Speed {
  const latencyMs = latencyOf(rounds.flat());
  return { tokensPerSecond: (1000 * tokens) / latencyMs.p50, latencyMs };
}
