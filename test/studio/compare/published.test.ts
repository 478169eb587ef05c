import { describe, expect, it } from 'vitest';
import { compare } from '../../../main/studio/compare/comparison.ts';
import { costMeasures } from '../../../main/studio/compare/cost-measures.ts';
import { publishedBeside } from '../../../main/studio/compare/published.ts';
import { perplexityMeasures, taskMeasures } from '../../../main/studio/compare/quality-measures.ts';
import type { ComparedRun, Pruning, RunRole, Subject } from '../../../main/studio/compare/subject.ts';
import { checkRecipe } from '../../../main/studio/recipe.ts';

const llama7 = 6_738_415_616;
const pruning: Pruning = {
  folder: '/models/llama-7b-hf',
  family: 'llama',
  parameters: llama7,
  criterion: 'taylor-element1',
  aggregation: 'sum',
  mode: 'block',
  ratio: 0.25,
  steps: 1,
  attention: [4, 30],
  mlp: [4, 30],
};

interface Setting {
  readonly pruning?: Partial<Pruning>;
  readonly folder?: string;
  readonly text?: string;
  readonly seqLen?: number;
  readonly isWhole?: boolean;
  readonly roles?: readonly RunRole[];
  readonly fewShot?: number;
}

function run(setting: Setting = {}): ComparedRun {
  const { folder = pruning.folder, text = 'wikitext-2-raw-test.txt', seqLen = 128 } = setting;
  const { isWhole = true, roles = ['original', 'pruned'], fewShot = 0 } = setting;
  const score = {
    acc: 0.6,
    accStderr: 0.01,
    accNorm: null,
    accNormStderr: null,
    counted: 'acc' as const,
    samples: 9,
    available: 9,
    version: 1,
    dataSha256: 'c',
  };
  const measures = [
    ...costMeasures({ parameters: llama7, macs: 1, weightBytes: 1, memoryBytes: 1 }),
    ...perplexityMeasures([
      { text, reading: [], tokens: 65792, isWhole, perplexity: 13, chunks: 2666, seqLen },
    ]),
    ...taskMeasures({
      results: { piqa: score },
      average: 0.6,
      isPapersAverage: false,
      fewShot,
      bos: false,
      limit: null,
      protocol: 'harness',
    }),
  ];
  const subjects = roles.map((role): Subject => {
    return { key: role, name: 'x', role, source: null, runId: 'a', folder, layers: null, measures };
  });
  const recipe = checkRecipe({ model: folder }, 'test');
  return { runId: 'a', name: 'x', recipe, subjects, pruning: { ...pruning, folder, ...setting.pruning } };
}

const valueOf = (subjects: readonly Subject[], at: number, kind: string): number | undefined =>
  subjects[at].measures.find((measure) => measure.kind === kind)?.value;

describe('published rows', () => {
  it('stand beside a run of the same model and recipe, in the rows of what it measured', () => {
    const beside = publishedBeside([run()]);
    expect(beside.map(({ name }) => name)).toEqual(['LLaMA-7B', 'LLaMA-7B, taylor-element1 0.25']);
    expect(beside.every(({ role, source }) => role === 'published' && source?.includes('2305.11627'))).toBe(
      true,
    );
    expect(valueOf(beside, 0, 'perplexity')).toBe(12.62);
    expect(valueOf(beside, 1, 'perplexity')).toBe(19.09);
    expect(valueOf(beside, 1, 'parameters')).toBe(5.42e9);
    expect(valueOf(beside, 1, 'task')).toBeCloseTo(0.7568, 12);
    const [measured] = run().subjects;
    const ids = new Set(measured.measures.map(({ id }) => id));
    expect(beside.flatMap(({ measures }) => measures).filter(({ id }) => !ids.has(id))).toEqual([]);
  });

  it('say what harness their scores are of, where they stand beside some', () => {
    const sources = (setting: Setting): string[] =>
      publishedBeside([run(setting)]).map(({ source }) => source ?? '');
    for (const source of sources({}))
      expect(source).toMatch(/; tasks: lm-evaluation-harness 0\.3\.0, 0-shot$/);
    for (const source of sources({ fewShot: 5 })) expect(source).not.toContain('harness');
  });

  it('do not differ from a measured number within what was printed', () => {
    const costs = { parameters: llama7, macs: 424_018_575_360, weightBytes: 1, memoryBytes: 13_510_385_664 };
    const measured = run();
    const subjects = measured.subjects.map((subject) => ({ ...subject, measures: costMeasures(costs) }));
    const runs = [{ ...measured, subjects }];
    const { models, rows } = compare({
      runs,
      roles: [null],
      models: [],
      published: publishedBeside(runs),
      baseline: null,
    });
    const verdicts = (name: string): (string | null)[] => {
      const at = models.findIndex((model) => model.role === 'published' && model.name === name);
      const printed = rows.filter(({ cells }) => cells[at].value !== null);
      return printed.map(({ cells }) => cells[at].verdict);
    };
    expect(verdicts('LLaMA-7B')).toEqual(['same', 'same', 'same']);
    expect(verdicts('LLaMA-7B, taylor-element1 0.25')).toEqual(['better', 'better', 'better']);
  });

  it('have the tuned row beside a run that recovers', () => {
    const beside = publishedBeside([run({ roles: ['original', 'pruned', 'recovered'] })]);
    expect(beside.map(({ name }) => name).at(-1)).toBe('LLaMA-7B, taylor-element1 0.25, tuned');
    expect(valueOf(beside, 2, 'perplexity')).toBe(17.58);
  });

  it('have the 50 % recipe, and Llama 3 of the repository', () => {
    const half = { ratio: 0.6, attention: [3, 31], mlp: [3, 31] } as const;
    expect(valueOf(publishedBeside([run({ pruning: half })]), 1, 'perplexity')).toBe(112.44);
    const llama3 = { parameters: 8_030_261_248 };
    const beside = publishedBeside([
      run({ pruning: llama3, folder: '/models/Meta-Llama-3-8B', text: 'ptb-valid.txt', seqLen: 2048 }),
    ]);
    expect(beside[0].name).toBe('Llama-3-8B');
    expect(valueOf(beside, 1, 'perplexity')).toBe(20.83);
  });

  it('are told apart by the name of the folder where models are of one size', () => {
    const name = (folder: string): string | undefined => publishedBeside([run({ folder })]).at(0)?.name;
    expect(name('/models/vicuna-7b-v1.5')).toBe('Vicuna-7B');
    expect(name('/models/Llama-2-7b-hf')).toBeUndefined();
    expect(name('/models/something-else')).toBeUndefined();
  });

  it.each<[string, Setting]>([
    ['another length', { seqLen: 2048 }],
    ['a part of the text', { isWhole: false }],
    ['another text', { text: 'heldout.txt' }],
    ['the training part', { text: 'wikitext-2-raw-train.txt' }],
  ])('have no perplexity beside one of %s', (_, setting) => {
    const beside = publishedBeside([run(setting)]);
    expect(beside).toHaveLength(2);
    expect(valueOf(beside, 1, 'perplexity')).toBeUndefined();
  });

  it('have no task scores beside a few-shot run', () => {
    expect(valueOf(publishedBeside([run({ fewShot: 5 })]), 1, 'task')).toBeUndefined();
  });

  it.each<[string, Partial<Pruning>]>([
    ['family', { family: 'other' }],
    ['size', { parameters: llama7 + 1 }],
    ['criterion', { criterion: 'magnitude-l1' }],
    ['ratio', { ratio: 0.3 }],
    ['number of steps', { steps: 5 }],
    ['window', { mlp: [4, 31] }],
  ])('are not shown beside a run of another %s', (_, other) => {
    expect(publishedBeside([run({ pruning: other })])).toEqual([]);
  });
});
