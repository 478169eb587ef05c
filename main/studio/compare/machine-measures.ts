import type { CostReport } from '../../engine/cost.ts';
import type { MeasureKind, MeasureUnit, Protocol } from '../../../preload/forms/measures.ts';
import type { Measure } from './measure.ts';

/** The models of a run that are timed. */
export type TimedModel = 'before' | 'after';

/** The run that a measurement is of. */
interface Measurement {
  readonly runId: string;
  readonly run: string;
  /** Folder of the run's original, which `times as fast` refers to. */
  readonly original: string;
}

type Point = CostReport['points'][number];
type Works = keyof NonNullable<Point['models'][number]['speedup']>;

const works: readonly Works[] = ['prefill', 'decode'];

/**
 * Times and memory of a model, as its run measured them. Speeds stand beside those of the same run alone, whose models
 * took turns; how many times as fast as its own original a model is stands beside that of other runs too.
 */
export function machineMeasures(
  cost: CostReport | undefined,
  name: TimedModel,
  measurement: Measurement,
): Measure[] {
  const at = cost?.models.findIndex((model) => model.name === name) ?? -1;
  if (cost === undefined || at < 0) return [];
  const { peakBytes, residency } = cost.models[at];
  const { threads } = cost;
  const peak = measured('peak-memory', 'bytes', peakBytes, null);
  return [
    {
      ...peak,
      id: `peak-memory ${threads} ${residency}`,
      marks: [`threads ${threads}`, residency],
      isNoisy: true,
    },
    ...cost.points.flatMap((point) =>
      works.flatMap((work) => workMeasures(cost, point, at, work, measurement)),
    ),
  ];
}

function workMeasures(
  { settings, threads }: CostReport,
  { batchSize, promptLength, models }: Point,
  at: number,
  work: Works,
  { runId, run, original }: Measurement,
): Measure[] {
  const { newTokens, repeats } = settings;
  const setting = { about: 'machine', batchSize, promptLength, newTokens, repeats, threads } as const;
  const how = `${batchSize} ${promptLength} ${newTokens} ${threads}`;
  const { tokensPerSecond, latencyMs } = models[at][work];
  const ratio = models[at].speedup?.[work];
  // The limits lie two standard errors away on either side.
  const error = ratio === undefined ? null : (ratio.high - ratio.low) / 4;
  const ratioError = ratio === undefined ? 0 : (ratio.high - ratio.low) / 4 / ratio.factor;
  const own = (kind: MeasureKind, unit: MeasureUnit, value: number, subject = ''): Measure => ({
    ...measured(kind, unit, value, { ...setting, run }),
    id: `${kind} ${subject} ${how} ${runId}`,
    subject,
    marks: [runId],
  });
  return [
    {
      ...measured(`${work}-speedup`, 'factor', ratio?.factor ?? 1, { ...setting, run: null }),
      id: `${work}-speedup ${how} ${original}`,
      marks: [original],
      error,
    },
    { ...own(`${work}-speed`, 'per-second', tokensPerSecond), ratioError },
    { ...own(`${work}-latency`, 'ms', latencyMs.p50, 'p50'), ratioError },
    { ...own(`${work}-latency`, 'ms', latencyMs.p90, 'p90'), isNoisy: true },
    { ...own(`${work}-latency`, 'ms', latencyMs.p99, 'p99'), isNoisy: true },
  ];
}

function measured(kind: MeasureKind, unit: MeasureUnit, value: number, protocol: Protocol | null): Measure {
  const better = unit === 'factor' || unit === 'per-second' ? 'higher' : 'lower';
  return {
    id: kind,
    kind,
    subject: '',
    protocol,
    unit,
    better,
    marks: [],
    value,
    error: null,
    printedAs: null,
  };
}
