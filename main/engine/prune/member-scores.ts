import type { Statistic, WeightCriterion } from '../criteria/criterion.ts';
import type { Program } from '../derive/emission.ts';
import { inputTypeOf, OnnxGraph, type OnnxValue } from '../onnx/onnx-graph.ts';
import {
  floats,
  indices,
  OnCard,
  openSession,
  type Feed,
  type Session,
  type SessionOptions,
  type Values,
} from '../runtime/session.ts';
import type { Dtype } from '../tensor/dtype.ts';

/**
 * A block of gradient rows held at once: small enough for a processor's cache; on a card, which is sent x and dy for
 * each block, within the smallest buffer that WebGPU promises. Fixed, so that results do not depend on the memory at hand.
 */
const gradientBlockBytes = { cpu: 8 * 2 ** 20, webgpu: 128 * 2 ** 20 };

/** What a batch adds to the gradient of a weight [rows, columns]: dyᵀ·x. */
export interface Contraction {
  readonly tokens: number;
  /** What the square of this batch's gradient counts in the Fisher information; read only where that is asked for. */
  readonly fisherWeight: number;
  /** x is [tokens, columns], dy is [tokens, rows]. */
  readonly read: () => Promise<{ readonly x: Values; readonly dy: Values }>;
}

/** A weight [rows, columns] and where its statistics come from, one contraction a batch. */
export interface ScoredWeight {
  readonly feed: Feed;
  readonly dtype: Dtype;
  readonly contractions: readonly Contraction[];
}

/** Summed salience of each row and column of a weight. */
export interface SalienceSums {
  readonly rows: Float64Array;
  readonly columns: Float64Array;
}

/**
 * Sums a criterion's salience over the rows and columns of linear weights. The gradient dW = Σ dyᵀ·x is formed over
 * all batches, one block of rows at a time, before salience is taken: |w·g| of a sum is not the sum of |w·g|
 * (ARCHITECTURE.md); the Fisher information of the same block grows beside it, one batch, then a single sequence, at a
 * time. No more than a block of either is held at once.
 */
export class MemberScorer {
  private readonly sessions = new Map<string, Promise<Session>>();

  constructor(
    private readonly criterion: WeightCriterion,
    private readonly options: SessionOptions,
  ) {}

  async sums(weight: ScoredWeight): Promise<SalienceSums> {
    const [rowCount, columnCount] = weight.feed.dims;
    const rows = new Float64Array(rowCount);
    const columns = new Float64Array(columnCount);
    const blockRows = this.blockRows(columnCount);
    for (let from = 0; from < rowCount; from += blockRows) {
      const to = Math.min(rowCount, from + blockRows);
      const results = await this.blockSums(weight, from, to);
      rows.set(results.rowSums.data, from);
      results.columnSums.data.forEach((sum, i) => {
        columns[i] += sum;
      });
    }
    return { rows, columns };
  }

  get needsStatistics(): boolean {
    return this.criterion.statistics.length > 0;
  }

  /** Rows of a weight with so many columns whose statistics are formed at once. */
  blockRows(columnCount: number): number {
    return Math.max(1, Math.floor(gradientBlockBytes[this.options.device ?? 'cpu'] / (4 * columnCount)));
  }

  async release(): Promise<void> {
    for (const session of this.sessions.values()) await (await session).release();
    this.sessions.clear();
  }

  private async blockSums(weight: ScoredWeight, from: number, to: number): ReturnType<Session['run']> {
    const isWhole = weight.feed.data instanceof OnCard;
    const block = isWhole ? weight.feed : rowsOf(weight.feed, from, to);
    const bounds = { from: indices([from], [1]), to: indices([to], [1]) };
    const sums = (source: StatisticSource): Promise<Session> =>
      this.session(`sums ${source} ${weight.dtype} ${isWhole}`, () =>
        sumsProgram(this.criterion, weight.dtype, source, isWhole),
      );
    if (this.criterion.statistics.length === 0) return (await sums('none')).run({ ...bounds, weight: block });
    let soFar: Readonly<Record<string, Feed>> = {};
    for (const [i, contraction] of weight.contractions.entries()) {
      const feeds = { ...(await this.contractionFeeds(weight, contraction)), ...bounds, ...soFar };
      const source = i === 0 ? 'fresh' : 'added';
      if (i === weight.contractions.length - 1) {
        const results = await (await sums(source)).run({ ...feeds, weight: block });
        disposeOf(soFar);
        return results;
      }
      const session = await this.session(`statistics ${source}`, () =>
        statisticsProgram(this.criterion.statistics, source),
      );
      const results = await session.run(feeds);
      disposeOf(soFar);
      soFar = Object.fromEntries(
        this.criterion.statistics.map((statistic) => {
          const { values, dims } = results[statistic];
          return [`${statistic} so far`, floats(values, dims)];
        }),
      );
    }
    throw new RangeError('Statistics were asked for without any batch.');
  }

  private async contractionFeeds(
    weight: ScoredWeight,
    { tokens, fisherWeight, read }: Contraction,
  ): Promise<Record<string, Feed>> {
    const [rowCount, columnCount] = weight.feed.dims;
    const { x, dy } = await read();
    return {
      x: floats(x, [tokens, columnCount]),
      dy: floats(dy, [tokens, rowCount]),
      fisherWeight: floats(Float32Array.of(fisherWeight), [1]),
    };
  }

  private session(key: string, make: () => Program): Promise<Session> {
    const known = this.sessions.get(key);
    if (known) return known;
    const isPassedOn = (output: string): boolean => output in newStatistic;
    const opened = openSession(make(), { ...this.options, isPassedOn });
    this.sessions.set(key, opened);
    return opened;
  }
}

function disposeOf(feeds: Readonly<Record<string, Feed>>): void {
  for (const { data } of Object.values(feeds)) if (data instanceof OnCard) data.dispose();
}

/** Statistics of no batch, of the first one alone, or added to what earlier ones gave. */
type StatisticSource = 'none' | 'fresh' | 'added';

/** What one batch's gradient adds to a statistic. */
const newStatistic: Readonly<Record<Statistic, (g: OnnxGraph, gradient: OnnxValue) => OnnxValue>> = {
  gradient: (_g, gradient) => gradient,
  fisher: (g, gradient) => g.mul(g.mul(gradient, gradient), g.input('fisherWeight', 'float', [1])),
};

/** Rows [from, to) of each statistic: from dyᵀ·x, plus what earlier batches gave. */
function statisticRows(
  g: OnnxGraph,
  statistics: readonly Statistic[],
  source: 'fresh' | 'added',
  bounds: readonly OnnxValue[] = boundsOf(g),
): Map<Statistic, OnnxValue> {
  const x = g.input('x', 'float', ['tokens', 'columns']);
  const dy = g.input('dy', 'float', ['tokens', 'outputs']);
  const slice = g.op('Slice', [dy, ...bounds, g.ints([1])]);
  const gradient = g.matmul(g.transpose(slice, [1, 0]), x);
  return new Map(
    statistics.map((statistic) => {
      const fresh = newStatistic[statistic](g, gradient);
      if (source === 'fresh') return [statistic, fresh];
      return [statistic, g.add(fresh, g.input(`${statistic} so far`, 'float', ['rows', 'columns']))];
    }),
  );
}

/** The block's rows, [from, to). */
const boundsOf = (g: OnnxGraph): OnnxValue[] => ['from', 'to'].map((name) => g.input(name, 'int64', [1]));

function statisticsProgram(statistics: readonly Statistic[], source: 'fresh' | 'added'): Program {
  const g = new OnnxGraph();
  for (const [name, value] of statisticRows(g, statistics, source))
    g.output(name, value, 'float', ['rows', 'columns']);
  return finish(g);
}

/** @param isWhole Whether the block's rows are still to be cut from the weight. */
function sumsProgram(
  criterion: WeightCriterion,
  dtype: Dtype,
  source: StatisticSource,
  isWhole: boolean,
): Program {
  const g = new OnnxGraph();
  const bounds = boundsOf(g);
  const given = g.toFloat(
    g.input('weight', inputTypeOf[dtype], [isWhole ? 'outputs' : 'rows', 'columns']),
    dtype,
  );
  const weight = isWhole ? g.op('Slice', [given, ...bounds, g.ints([0])]) : given;
  const known = source === 'none' ? undefined : statisticRows(g, criterion.statistics, source, bounds);
  const salience = criterion.salience(g, weight, (statistic) => {
    const value = known?.get(statistic);
    if (value === undefined)
      throw new RangeError(`${criterion.id} does not name ${statistic} as what it reads.`);
    return value;
  });
  g.output('rowSums', g.reduceSum(salience, [1]), 'float', ['rows']);
  g.output('columnSums', g.reduceSum(salience, [0]), 'float', ['columns']);
  return finish(g);
}

function finish(g: OnnxGraph): Program {
  return { model: g.encode(), inputs: g.usedInputs(), outputs: g.outputNames() };
}

/** Rows [from, to) of a weight in memory, without a copy. */
function rowsOf({ type, data, dims }: Feed, from: number, to: number): Feed {
  const [, columns] = dims;
  if (data instanceof OnCard) throw new RangeError('What lies on a card is cut there.');
  return { type, data: data.subarray(from * columns, to * columns), dims: [to - from, columns] };
}
