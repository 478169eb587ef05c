import { basename } from 'node:path';
import type { Measure } from './measure.ts';

/** A perplexity with all that tells its protocol from others. */
export interface ReportedPerplexity {
  /** Name of the file. */
  readonly text: string;
  /** Of the file; null in reports that do not tell. */
  readonly sha256: string | null;
  /** Whether the whole text was measured, and not some of its rows. */
  readonly isWhole: boolean;
  readonly perplexity: number;
  readonly chunks: number;
  readonly seqLen: number;
}

export interface ReportedTasks {
  readonly results: Readonly<Record<string, ReportedTask>>;
  readonly average: number;
  /** Whether these are the seven tasks of the paper. */
  readonly isPapersAverage: boolean;
  readonly fewShot: number;
  readonly limit: number | null;
  readonly protocol: string;
}

interface ReportedTask {
  readonly acc: number;
  readonly accStderr: number | null;
  readonly accNorm: number | null;
  readonly accNormStderr: number | null;
  readonly counted: 'acc' | 'acc_norm';
  readonly samples: number;
}

/** Perplexities are compared only where text, length and amount are the same. */
export function perplexityMeasures(perplexities: readonly ReportedPerplexity[]): Measure[] {
  return perplexities.map(({ text, sha256, isWhole, perplexity, chunks, seqLen }) => ({
    id: `perplexity ${sha256 ?? text} ${seqLen} ${chunks}`,
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
export function taskMeasures(tasks: ReportedTasks | null): Measure[] {
  if (tasks === null) return [];
  const { results, average, fewShot, limit, protocol } = tasks;
  const names = Object.keys(results);
  // The tables are of whole tasks without examples.
  const isPrinted = fewShot === 0 && limit === null;
  const how = `${fewShot} ${limit} ${protocol}`;
  const asked = { about: 'tasks', fewShot, limit, harness: protocol } as const;
  const scores = names.map((name): Measure => {
    const { counted, acc, accNorm, accStderr, accNormStderr, samples } = results[name];
    const isNormed = counted === 'acc_norm' && accNorm !== null;
    return {
      id: `task ${name} ${counted} ${samples} ${how}`,
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
      id: `task-average ${[...names].sort().join(' ')} ${how}`,
      kind: 'task-average',
      subject: '',
      protocol: { ...asked, metric: null, tasks: names.length },
      unit: 'share',
      better: 'higher',
      value: average,
      error: null,
      printedAs: isPrinted && tasks.isPapersAverage ? 'average' : null,
    },
  ];
}
