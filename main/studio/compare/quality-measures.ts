import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { MeasuredPerplexity, Perplexity } from '../../engine/evaluate/perplexity.ts';
import { taskName } from '../../engine/evaluate/tasks/index.ts';
import type { TaskScore, TaskScores } from '../../engine/evaluate/tasks/task-scores.ts';
import type { Measure } from './measure.ts';

/** A perplexity with all that tells its protocol from others. */
export interface ReportedPerplexity extends Perplexity {
  /** Name of the file, or its path where that is all that is known of it. */
  readonly text: string;
  /** What else tells the text and how it was read; empty in reports that do not tell. */
  readonly reading: readonly string[];
  /** Whether the whole text was measured, and not some of its rows. */
  readonly isWhole: boolean;
}

/** A perplexity of a report, with what tells its text from others of the same name. */
export function reportedPerplexity(measured: MeasuredPerplexity, isWhole: boolean): ReportedPerplexity {
  const { sha256, rows, joined, bos } = measured;
  const reading = [`sha256 ${sha256}`, rows === null ? '' : `rows ${rows}`, joined, bos ? 'BOS' : 'no BOS'];
  return { ...measured, reading, isWhole };
}

/** Perplexities are compared only where text, length and amount are the same. */
export function perplexityMeasures(perplexities: readonly ReportedPerplexity[]): Measure[] {
  return perplexities.map(({ text, reading, isWhole, perplexity, chunks, seqLen }) => ({
    id: `perplexity ${reading.length === 0 ? text : reading.join(' ')} ${seqLen} ${chunks}`,
    kind: 'perplexity',
    subject: '',
    protocol: { about: 'text', text: basename(text), seqLen, chunks },
    unit: 'perplexity',
    better: 'lower',
    marks: reading.length === 0 ? [text] : reading.map(shortened),
    value: perplexity,
    error: null,
    printedAs: isWhole ? printedCorpus(basename(text), seqLen) : null,
  }));
}

/** A sha256 by its first digits, which tell two texts apart well enough to be read. */
const shortened = (text: string): string => text.replace(/(?<=\b[0-9a-f]{7})[0-9a-f]{57}\b/, '');

/** The corpora of the published tables, as their files are usually called. */
const corpora = [
  { corpus: 'wikitext2', named: /wiki-?text-?2(?!.*(train|valid))/i },
  { corpus: 'ptb', named: /(^|[^a-z])(ptb|penn-?treebank)(?!.*(train|test))/i },
] as const;

function printedCorpus(file: string, seqLen: number): string | null {
  const known = corpora.find(({ named }) => named.test(file));
  return known === undefined ? null : `${known.corpus} ${seqLen}`;
}

/** Both metrics of every task, the counted one first, and the mean of the counted ones. */
export function taskMeasures(tasks: TaskScores | null): Measure[] {
  if (tasks === null) return [];
  const { results, average, fewShot, bos, limit, protocol } = tasks;
  const names = Object.keys(results);
  // The tables are of whole tasks, without examples and without a BOS.
  const isPrinted = fewShot === 0 && limit === null && !bos;
  const how = `${fewShot} ${bos} ${limit} ${protocol}`;
  const asked = { about: 'tasks', fewShot, bos, limit, harness: protocol } as const;
  const scores = names.flatMap((name) =>
    metricsOf(results[name]).map(({ metric, value, error, isCounted }): Measure => {
      const { samples, dataSha256 } = results[name];
      return {
        id: `task ${name} ${metric} ${samples} ${dataSha256} ${how}`,
        kind: 'task',
        subject: taskName(name),
        protocol: { ...asked, metric, isCounted, tasks: null },
        unit: 'share',
        better: 'higher',
        marks: [`n = ${samples}`, `sha256 ${dataSha256.slice(0, 7)}`],
        value,
        error,
        printedAs: isPrinted && isCounted ? name : null,
      };
    }),
  );
  const data = [...names]
    .sort()
    .map((name) => `${name} ${results[name].samples} ${results[name].dataSha256}`)
    .join(' ');
  const errors = names.map((name) => metricsOf(results[name])[0].error);
  return [
    ...scores,
    {
      id: `task-average ${data} ${how}`,
      kind: 'task-average',
      subject: '',
      protocol: { ...asked, metric: null, isCounted: true, tasks: names.length },
      unit: 'share',
      better: 'higher',
      marks: [
        `n = ${names.reduce((total, name) => total + results[name].samples, 0)}`,
        `sha256 ${createHash('sha256').update(data).digest('hex').slice(0, 7)}`,
      ],
      value: average,
      // Of the mean of independent scores.
      error: errors.every((error) => error !== null)
        ? Math.hypot(...errors.map((error) => error ?? NaN)) / errors.length
        : null,
      printedAs: isPrinted && tasks.isPapersAverage ? 'average' : null,
    },
  ];
}

interface Scored {
  readonly metric: string;
  readonly value: number;
  readonly error: number | null;
  readonly isCounted: boolean;
}

/** What the harness counts of a task; the one that the paper counts first. */
function metricsOf({ counted, acc, accStderr, accNorm, accNormStderr }: TaskScore): Scored[] {
  const plain = { metric: 'acc', value: acc, error: accStderr, isCounted: counted === 'acc' };
  if (accNorm === null) return [{ ...plain, isCounted: true }];
  const normed = { metric: 'acc_norm', value: accNorm, error: accNormStderr, isCounted: !plain.isCounted };
  return plain.isCounted ? [plain, normed] : [normed, plain];
}
