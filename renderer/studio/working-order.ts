import type { RunSummary } from '../../preload/contract.ts';

/** What works first, then the queue as it will be worked off, then what is over, newest first. */
export function inWorkingOrder(runs: readonly RunSummary[]): RunSummary[] {
  const place = ({ state, queuePosition }: RunSummary): number => {
    if (state === 'running') return -1;
    return state === 'queued' ? (queuePosition ?? 0) : Infinity;
  };
  return [...runs].sort((a, b) => {
    const [first, second] = [place(a), place(b)];
    return first === second ? b.createdAt.localeCompare(a.createdAt) : first - second;
  });
}
