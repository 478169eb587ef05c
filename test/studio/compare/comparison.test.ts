import { describe, expect, it } from 'vitest';
import { toHtml } from '../../../main/studio/compare/comparison-page.ts';
import { toCsv, toMarkdown } from '../../../main/studio/compare/comparison-text.ts';
import { comparisonWords } from '../../../main/studio/compare/comparison-words.ts';
import { compare, type Comparison } from '../../../main/studio/compare/comparison.ts';
import { costMeasures } from '../../../main/studio/compare/cost-measures.ts';
import type { Measure } from '../../../main/studio/compare/measure.ts';
import {
  perplexityMeasures,
  taskMeasures,
  type ReportedPerplexity,
} from '../../../main/studio/compare/quality-measures.ts';
import { recipeDifferences } from '../../../main/studio/compare/recipe-differences.ts';
import type { ComparedRun, RunRole, Subject } from '../../../main/studio/compare/subject.ts';
import { writeComparison } from '../../../main/studio/compare/written-comparison.ts';
import { checkRecipe } from '../../../main/studio/recipe.ts';

const costs = { parameters: 1000, macs: 2000, weightBytes: 4000, memoryBytes: 8000 };
const smaller = { parameters: 800, macs: 1500, weightBytes: 3200, memoryBytes: 7000 };
const heldout: ReportedPerplexity = {
  text: 'heldout.txt',
  reading: [`sha256 ${'a'.repeat(64)}`],
  tokens: 1280,
  isWhole: true,
  perplexity: 12,
  chunks: 10,
  seqLen: 128,
};

function subject(
  runId: string,
  role: RunRole,
  measures: readonly Measure[],
  folder = role === 'original' ? '/models/tiny' : `/runs/${runId}/model`,
): Subject {
  const name = role === 'original' ? 'tiny' : `tiny, ${runId}`;
  return { key: `${runId} ${role}`, name, role, source: null, runId, folder, layers: null, measures };
}

function run(runId: string, perplexities: Partial<ReportedPerplexity> = {}, ratio = 0.25): ComparedRun {
  const measured = (value: number): Measure[] =>
    perplexityMeasures([{ ...heldout, ...perplexities, perplexity: value }]);
  return {
    runId,
    name: `tiny, ${runId}`,
    recipe: checkRecipe({ model: '/models/tiny', prune: { ratio } }, 'test'),
    pruning: null,
    subjects: [
      subject(runId, 'original', [...costMeasures(costs), ...measured(12)]),
      subject(runId, 'pruned', [...costMeasures(smaller), ...measured(15)]),
    ],
  };
}

const compared = (
  runs: readonly ComparedRun[],
  rest: Partial<Parameters<typeof compare>[0]> = {},
): Comparison =>
  compare({ runs, roles: runs.map(() => null), models: [], published: [], baseline: null, ...rest });

const row = ({ rows }: Comparison, kind: string): Comparison['rows'][number] => {
  const found = rows.find((one) => one.kind === kind);
  if (found === undefined) throw new Error(`There is no row of ${kind}.`);
  return found;
};

describe('a comparison', () => {
  it('measures every model against the original, relative, with the direction that is better', () => {
    const comparison = compared([run('a')]);
    expect(comparison.models.map(({ key }) => key)).toEqual(['a original', 'a pruned']);
    expect(comparison.baseline).toBe('a original');
    expect(comparison.rows.map(({ kind }) => kind)).toEqual([
      'parameters',
      'macs',
      'weights',
      'memory',
      'perplexity',
    ]);
    const [base, pruned] = row(comparison, 'parameters').cells;
    expect(base).toEqual({ value: 1000, error: null, change: null, verdict: null, isOfPruned: false });
    expect(pruned).toMatchObject({ value: 800, verdict: 'better' });
    expect(pruned.change).toBeCloseTo(-0.2, 12);
    expect(row(comparison, 'perplexity').cells[1]).toMatchObject({ change: 0.25, verdict: 'worse' });
  });

  it('measures against any other model that is asked for', () => {
    const comparison = compared([run('a')], { baseline: 'a pruned' });
    const [original] = row(comparison, 'parameters').cells;
    expect(original).toMatchObject({ change: 0.25, verdict: 'worse' });
    expect(compared([run('a')], { baseline: 'gone' }).baseline).toBe('a original');
  });

  it('has one column for the original of several runs, and one for each where its numbers differ', () => {
    expect(compared([run('a'), run('b')]).models.map(({ key }) => key)).toEqual([
      'a original',
      'a pruned',
      'b pruned',
    ]);
    const changed = run('b');
    const [original, pruned] = changed.subjects;
    const other = { ...original, measures: costMeasures({ ...costs, parameters: 1001 }) };
    const comparison = compared([run('a'), { ...changed, subjects: [other, pruned] }]);
    expect(comparison.models.map(({ name }) => name).slice(0, 2)).toEqual(['tiny', 'tiny #2']);
  });

  it('has the rows of one task beside each other, whichever way it was asked', () => {
    const scored = (names: readonly string[], fewShot: number): Measure[] =>
      taskMeasures({
        results: Object.fromEntries(
          names.map((name) => [
            name,
            {
              counted: 'acc_norm',
              acc: 0.5,
              accStderr: 0.1,
              accNorm: 0.6,
              accNormStderr: 0.1,
              samples: 25,
              available: 25,
              version: 1,
              dataSha256: 'd',
            },
          ]),
        ),
        average: 0.6,
        isPapersAverage: false,
        fewShot,
        bos: false,
        limit: null,
        protocol: 'harness',
      });
    const of = (runId: string, fewShot: number): ComparedRun => ({
      ...run(runId),
      subjects: [subject(runId, 'pruned', scored(['hellaswag', 'openbookqa'], fewShot))],
    });
    const { rows } = compared([of('a', 0), of('b', 5)]);
    const told = rows.map(({ subject: task, protocol }) =>
      protocol?.about === 'tasks' ? `${task} ${protocol.metric ?? ''} ${protocol.fewShot}` : '',
    );
    expect(told).toEqual([
      'HellaSwag acc_norm 0',
      'HellaSwag acc_norm 5',
      'HellaSwag acc 0',
      'HellaSwag acc 5',
      'OpenBookQA acc_norm 0',
      'OpenBookQA acc_norm 5',
      'OpenBookQA acc 0',
      'OpenBookQA acc 5',
      '  0',
      '  5',
    ]);
  });

  it('never puts perplexities of different protocols into one row', () => {
    const others: Partial<ReportedPerplexity>[] = [
      { seqLen: 2048 },
      { chunks: 9 },
      { reading: [`sha256 ${'b'.repeat(64)}`] },
      { reading: [], text: '/elsewhere/heldout.txt' },
    ];
    for (const other of others) {
      const { rows, models } = compared([run('a'), run('b', other)]);
      const perplexities = rows.filter(({ kind }) => kind === 'perplexity');
      expect(perplexities).toHaveLength(2);
      expect(models).toHaveLength(3);
      expect(perplexities.map(({ cells }) => cells.map(({ value }) => value))).toEqual([
        [12, 15, null],
        [12, null, 15],
      ]);
    }
    expect(compared([run('a'), run('b')]).rows.filter(({ kind }) => kind === 'perplexity')).toHaveLength(1);
  });

  it('tells rows apart that would be called the same, by what they differ in, and no others', () => {
    const texts: Partial<ReportedPerplexity>[] = [
      { reading: [`sha256 ${'a1'.repeat(32)}`, 'rows 3', 'BOS'] },
      { reading: [`sha256 ${'b2'.repeat(32)}`, 'rows 3', 'BOS'] },
      { reading: [`sha256 ${'b2'.repeat(32)}`, 'rows 3', 'no BOS'] },
      { seqLen: 2048 },
    ];
    const { rows } = compared(texts.map((text, i) => run(`${i}`, text)));
    expect(rows.filter(({ kind }) => kind === 'perplexity').map(({ apart }) => apart)).toEqual([
      'sha256 a1a1a1a, BOS',
      'sha256 b2b2b2b, BOS',
      'sha256 b2b2b2b, no BOS',
      '',
    ]);
    const csv = toCsv(compared([run('a', texts[0]), run('b', texts[1])]));
    expect(csv).toContain('"heldout.txt, 10 chunks of 128 tokens · sha256 b2b2b2b"');
  });

  it('has one column for a model that is a run’s and was named as a folder too', () => {
    const named = (key: string, folder: string, measures = costMeasures(costs)): Subject => ({
      ...subject('none', 'original', measures, folder),
      key,
      role: 'model',
      runId: null,
    });
    const keysWith = (...models: Subject[]): string[] =>
      compared([run('a')], { models }).models.map(({ key }) => key);
    expect(keysWith(named('m', '/models/tiny'))).toEqual(['a original', 'a pruned']);
    expect(keysWith(named('m', '/runs/a/model', costMeasures(smaller)))).toEqual(['a original', 'a pruned']);
    expect(keysWith(named('m', '/models/x'), named('n', '/models/x'))).toHaveLength(3);
    expect(keysWith(named('m', '/models/tiny', costMeasures(smaller)))).toHaveLength(3);
  });

  it('shows the roles that are asked for, and folders of no run', () => {
    const folder: Subject = {
      ...subject('none', 'original', costMeasures(smaller), '/models/other'),
      key: 'model 0',
      role: 'model',
      runId: null,
    };
    const comparison = compared([run('a')], { roles: [['pruned']], models: [folder] });
    expect(comparison.models.map(({ role }) => role)).toEqual(['pruned', 'model']);
    expect(row(comparison, 'perplexity').cells[1].value).toBeNull();
  });

  it('calls scores the same that differ by less than their errors, and counts shares in points', () => {
    const scored = (acc: number): Measure[] =>
      taskMeasures({
        results: {
          piqa: {
            acc,
            accStderr: 0.01,
            accNorm: null,
            accNormStderr: null,
            counted: 'acc',
            samples: 100,
            available: 100,
            version: 1,
            dataSha256: 'c',
          },
        },
        average: acc,
        isPapersAverage: false,
        fewShot: 0,
        bos: false,
        limit: 100,
        protocol: 'harness',
      });
    const verdicts = [0.8, 0.79, 0.7, 0.9].map((acc) => {
      const runs = run('a');
      const subjects = [subject('a', 'original', scored(0.8)), subject('a', 'pruned', scored(acc))];
      return row(compared([{ ...runs, subjects }]), 'task').cells[1];
    });
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(['same', 'same', 'worse', 'better']);
    expect(verdicts[2].change).toBeCloseTo(-0.1, 12);
  });
});

describe('recipes', () => {
  it('are told by the keys that differ, and no others', () => {
    expect(recipeDifferences([run('a'), run('b', {}, 0.5)])).toEqual([
      { key: 'prune.ratio', values: ['0.25', '0.5'] },
    ]);
    const recovering = checkRecipe({ model: '/models/tiny', recover: { data: 'rows.jsonl' } }, 'test');
    const differences = recipeDifferences([run('a'), { recipe: recovering }]);
    expect(differences).toContainEqual({ key: 'recover.data', values: [null, 'rows.jsonl'] });
    expect(compared([run('a')]).recipes.differences).toEqual([]);
  });
});

describe('written down', () => {
  const hostile = { ...run('a'), name: '<img src=x onerror=alert(1)>|`=1+1' };
  const subjects = hostile.subjects.map((one) => ({ ...one, name: hostile.name }));
  const comparison = compared([{ ...hostile, subjects }, run('b', {}, 0.5)]);

  it('as CSV, holds every number in full, and no formula', () => {
    const formula = compared([
      { ...hostile, subjects: subjects.map((one) => ({ ...one, name: '=HYPERLINK("x")' })) },
    ]);
    const lines = toCsv(formula).trimEnd().split('\r\n');
    expect(lines[0]).toBe('measure,protocol,unit,model,role,value,error,change,verdict,measured_on,source');
    expect(lines).toHaveLength(1 + 5 * 2);
    expect(lines[1]).toBe(`Parameters,,count,"'=HYPERLINK(""x"")",original,1000,,,,,`);
    expect(lines.at(-1)).toBe(
      `Perplexity,"heldout.txt, 10 chunks of 128 tokens",perplexity,"'=HYPERLINK(""x"")",pruned,15,,0.25,worse,,`,
    );
  });

  it('as a page, draws the error of a score at the end of its bar', () => {
    const score: Measure = {
      id: 'task piqa',
      kind: 'task',
      subject: 'PIQA',
      protocol: {
        about: 'tasks',
        metric: 'acc',
        isCounted: true,
        tasks: null,
        fewShot: 0,
        bos: false,
        limit: null,
        harness: 'harness',
      },
      unit: 'share',
      better: 'higher',
      marks: [],
      value: 0.5,
      error: 0.1,
      printedAs: null,
    };
    const page = (error: number | null): string => {
      const scored = compared([{ ...run('a'), subjects: [subject('a', 'pruned', [{ ...score, error }])] }]);
      return toHtml(scored, writeComparison(scored, comparisonWords('en')));
    };
    const [, from, to] = /class="error" d="M([\d.]+) [\d.]+H([\d.]+)M/.exec(page(0.1)) ?? [];
    const [, start, width] = /<rect class="s0" x="(\d+)" y="4" width="([\d.]+)"/.exec(page(0.1)) ?? [];
    // The bar is 0.5 long: its error, a fifth of that to either side.
    expect(Number(from)).toBeCloseTo(Number(start) + 0.8 * Number(width), 1);
    expect(Number(to)).toBeCloseTo(Number(start) + 1.2 * Number(width), 1);
    expect(page(null)).not.toContain('class="error"');
  });

  it.each(['en', 'zh-CN'] as const)(
    'as a page in %s, runs and fetches nothing, whatever names hold',
    (language) => {
      const page = toHtml(comparison, writeComparison(comparison, comparisonWords(language)));
      expect(page).toContain(`<html lang="${language}">`);
      expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;');
      expect(page).not.toMatch(/<(script|img|link|iframe)|https?:|url\(/);
      expect(page).toContain('prune.ratio');
      expect(page.match(/<svg/g)?.length).toBeGreaterThan(0);
    },
  );

  it('as a page, tells better from worse by signs, and writes no two names over each other', () => {
    const alike = compared([run('a'), run('b')]);
    const page = toHtml(alike, writeComparison(alike, comparisonWords('en')));
    expect(page).toContain('▲ −20.0 %');
    expect(page).toContain('▼ +25.0 %');
    const names = [...page.matchAll(/<text x="[\d.]+" y="([\d.]+)"[^>]*>tiny, [ab] \(pruned\) 15\.00</g)];
    expect(names).toHaveLength(2);
    expect(names[0][1]).not.toBe(names[1][1]);
  });

  it('as Markdown, keeps its columns whatever names hold', () => {
    const text = toMarkdown(writeComparison(comparison, comparisonWords('en')));
    const table = text.split('\n').filter((line) => line.startsWith('|'));
    const columns = table.map((line) => line.replaceAll('\\|', '').split('|').length);
    expect(new Set(columns.slice(0, 7)).size).toBe(1);
    expect(text).not.toMatch(/(?<!\\)<img/);
  });
});
