import type { GenerationEvent } from '../../preload/generation-contract.ts';

/** What was heard of one source: its text so far, and its last news. */
export interface HeardSource {
  readonly text: string;
  readonly last: GenerationEvent | null;
}

export const nothingHeard: HeardSource = { text: '', last: null };

/** The sources after one more piece of news. */
export function afterNews(sources: readonly HeardSource[], news: GenerationEvent): HeardSource[] {
  return sources.map((source, index) =>
    index === news.index ? { text: source.text + news.delta, last: news } : source,
  );
}

/** Whether a source says no more. */
export function hasEnded({ last }: HeardSource): boolean {
  return last !== null && ['done', 'stopped', 'failed'].includes(last.state);
}
