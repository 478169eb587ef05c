import { basename } from 'node:path';
import type { MeasuredPerplexity, Perplexity } from '../../engine/evaluate/perplexity.ts';
import type { TaskScores } from '../../engine/evaluate/tasks/task-scores.ts';
import type { Measure } from './measure.ts';

/** A perplexity with all that tells its protocol from others. */
export interface ReportedPerplexity extends Perplexity {
  /** Name of the file, or its path where that is all that is known of it. */
  readonly text: string;
  /** What else tells the text and how it was read; empty in reports that do not tell. */
  readonly reading: string;
  /** Whether the whole text was measured, and not some of its rows. */
  readonly isWhole: boolean;
}

/** A perplexity of a report, with what tells its text from others of the same name. */
export function reportedPerplexity(measured: MeasuredPerplexity, isWhole: boolean): ReportedPerplexity {
  const { sha256, rows, joined, bos } = measured;
  return { ...measured, reading: [sha256, rows, joined, bos].join(' '), isWhole };
}

/** Perplexities are compared only where text, length and amount are the same. */
export function perplexityMeasures(perplexities: readonly ReportedPerplexity[]): Measure[] {
  return perplexities.map(({ text, reading, isWhole, perplexity, chunks, seqLen }) => ({
    id: `perplexity ${reading === '' ? text : reading} ${seqLen} ${chunks}`,
    kind: 'perplexity',
    subject: '',
    protocol: { about: 'text', text: basename(text), seqLen, chunks },
    unit: 'perplexity',
    better: 'lower',
    value: perplexity,
    error: null,
    printedAs: isWhole ? printedCorpus(basename(text), seqLen) : null,
  }));
}

/** The corpora of the published tables, as their files are usually called. */
const corpora = [
  { corpus: 'wikitext2', named: /wiki-?text-?2(?!.*(train|valid))/i },
  { corpus: 'ptb', named: /(^|[^a-z])(ptb|penn-?treebank)(?!.*(train|test))/i },
] as const;

function printedCorpus(file: string, seqLen: number): string | null {
  const known = corpora.find(({ named }) => named.test(file));
  return known === undefined ? null : `${known.corpus} ${seqLen}`;
}

/** The counted metric of every task, and their mean. */
export function taskMeasures(tasks: TaskScores | null): Measure[] {
  if (tasks === null) return [];
  const { results, average, fewShot, bos, limit, protocol } = tasks;
  const names = Object.keys(results);
  // The tables are of whole tasks, without examples and without a BOS.
  const isPrinted = fewShot === 0 && limit === null && !bos;
  const how = `${fewShot} ${bos} ${limit} ${protocol}`;
  const asked = { about: 'tasks', fewShot, bos, limit, harness: protocol } as const;
  const data = [...names]
    .sort()
    .map((name) => `${name} ${results[name].samples} ${results[name].dataSha256}`);
  const scores = names.map((name): Measure => {
    const { counted, acc, accNorm, accStderr, accNormStderr, samples, dataSha256 } = results[name];
    const isNormed = counted === 'acc_norm' && accNorm !== null;
    return {
      id: `task ${name} ${counted} ${samples} ${dataSha256} ${how}`,
      kind: 'task',
      subject: name,
      protocol: { ...asked, metric: counted, tasks: null },
      unit: 'share',
      better: 'higher',
      value: isNormed ? accNorm : acc,
      error: isNormed ? accNormStderr : accStderr,
      printedAs: isPrinted ? name : null,
    };
  });
  return [
    ...scores,
    {
      id: `task-average ${data.join(' ')} ${how}`,
      kind: 'task-average',
      subject: '',
      protocol: { ...asked, metric: null, tasks: names.length },
      unit: 'share',
      better: 'higher',
      value: average,
      // Of the mean of independent scores.
      error: scores.every(({ error }) => error !== null)
        ? Math.hypot(...scores.map(({ error }) => error ?? NaN)) / scores.length
        : null,
      printedAs: isPrinted && tasks.isPapersAverage ? 'average' : null,
    },
  ];
}
