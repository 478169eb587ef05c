import { describe, expect, it } from 'vitest';
import { taskMeasures } from '../../../main/studio/compare/quality-measures.ts';

type Scores = NonNullable<Parameters<typeof taskMeasures>[0]>;

const scored = (dataSha256: string, samples: number): Scores['results'][string] => ({
  counted: 'acc',
  acc: 0.5,
  accStderr: 0.03,
  accNorm: null,
  accNormStderr: null,
  samples,
  available: samples,
  version: 1,
  dataSha256,
});

const scoresOf = (results: Scores['results']): Scores => ({
  results,
  average: 0.5,
  isPapersAverage: false,
  fewShot: 0,
  bos: false,
  limit: null,
  protocol: 'lm-evaluation-harness 0.4.13',
});

const averageOf = (results: Scores['results']) => taskMeasures(scoresOf(results)).at(-1);

describe('the average of tasks', () => {
  it('stands in one row only with averages over the very same questions', () => {
    const one = averageOf({ piqa: scored('a', 10), boolq: scored('b', 8) });
    expect(averageOf({ boolq: scored('b', 8), piqa: scored('a', 10) })?.id).toBe(one?.id);
    expect(averageOf({ piqa: scored('other', 10), boolq: scored('b', 8) })?.id).not.toBe(one?.id);
    expect(averageOf({ piqa: scored('a', 7), boolq: scored('b', 8) })?.id).not.toBe(one?.id);
  });

  it('has the error that follows from those of the tasks', () => {
    const { error } = averageOf({ piqa: scored('a', 10), boolq: scored('b', 8) }) ?? {};
    expect(error).toBeCloseTo(Math.hypot(0.03, 0.03) / 2, 12);
  });
});
