import type { CostReport } from '../../engine/cost.ts';
import type { Measure, MeasureKind, MeasureUnit, Protocol } from './measure.ts';

/** The models of a run that are timed; a recovered one costs what the pruned one does. */
export type TimedModel = 'before' | 'after';

/**
 * Times and memory of a model, as its run measured them. Speeds are not judged, since the machine had other things to
 * do; how many times as fast as its own original a model is was measured in turn, and is.
 * @param original Folder of the run's original, which `times as fast` refers to.
 */
export function machineMeasures(
  cost: CostReport | undefined,
  name: TimedModel,
  { run, original }: { readonly run: string; readonly original: string },
): Measure[] {
  const at = cost?.models.findIndex((model) => model.name === name) ?? -1;
  if (cost === undefined || at < 0) return [];
  const { settings, threads } = cost;
  const { newTokens, repeats } = settings;
  const points = cost.points.flatMap(({ batchSize, promptLength, models }) => {
    const { prefill, decode, speedup } = models[at];
    const setting = { about: 'machine', batchSize, promptLength, newTokens, repeats, threads } as const;
    const how = `${batchSize} ${promptLength} ${newTokens} ${threads}`;
    const own = (kind: MeasureKind, unit: MeasureUnit, value: number): Measure => ({
      ...measured(kind, unit, value, { ...setting, run }),
      id: `${kind} ${how} ${run}`,
      isNoisy: true,
    });
    const times = (kind: MeasureKind, factor: Factor | undefined): Measure => ({
      ...measured(kind, 'factor', factor?.factor ?? 1, { ...setting, run: null }),
      id: `${kind} ${how} ${original}`,
      // The limits lie two standard errors away on either side.
      error: factor === undefined ? 0 : (factor.high - factor.low) / 4,
    });
    return [
      own('prefill-speed', 'per-second', prefill.tokensPerSecond),
      own('decode-speed', 'per-second', decode.tokensPerSecond),
      own('prefill-latency', 'ms', prefill.latencyMs.p90),
      own('decode-latency', 'ms', decode.latencyMs.p90),
      times('prefill-speedup', speedup?.prefill),
      times('decode-speedup', speedup?.decode),
    ];
  });
  const peak = measured('peak-memory', 'bytes', cost.models[at].peakBytes, null);
  return [{ ...peak, id: `peak-memory ${threads} ${cost.models[at].residency}`, isNoisy: true }, ...points];
}

interface Factor {
  readonly factor: number;
  readonly low: number;
  readonly high: number;
}

function measured(kind: MeasureKind, unit: MeasureUnit, value: number, protocol: Protocol | null): Measure {
  const better = unit === 'factor' || unit === 'per-second' ? 'higher' : 'lower';
  return { id: kind, kind, subject: '', protocol, unit, better, value, error: null, printedAs: null };
}
