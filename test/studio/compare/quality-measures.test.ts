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

describe('the scores of a task', () => {
  it('stand in a row each, the counted metric first and alone in the average and beside the tables', () => {
    const hellaswag = { ...scored('h', 10), counted: 'acc_norm', accNorm: 0.7, accNormStderr: 0.02 } as const;
    const arc = { ...hellaswag, counted: 'acc' } as const;
    const measures = taskMeasures(scoresOf({ hellaswag, arc_easy: arc, piqa: scored('p', 10) }));
    const told = measures.map(({ subject, protocol, value, error, printedAs }) => {
      const metric = protocol?.about === 'tasks' ? [protocol.metric, protocol.isCounted] : [];
      return [subject, ...metric, value, error, printedAs];
    });
    expect(told.slice(0, -1)).toEqual([
      ['HellaSwag', 'acc_norm', true, 0.7, 0.02, 'hellaswag'],
      ['HellaSwag', 'acc', false, 0.5, 0.03, null],
      ['ARC-e', 'acc', true, 0.5, 0.03, 'arc_easy'],
      ['ARC-e', 'acc_norm', false, 0.7, 0.02, null],
      ['PIQA', 'acc', true, 0.5, 0.03, 'piqa'],
    ]);
    expect(told.at(-1)?.[4]).toBeCloseTo(Math.hypot(0.02, 0.03, 0.03) / 3, 12);
    expect(new Set(measures.map(({ id }) => id)).size).toBe(6);
  });
});
