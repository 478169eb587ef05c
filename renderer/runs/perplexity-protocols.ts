import type { PerplexityProtocol, RunSummary } from '../../preload/contract.ts';

type Measured = Pick<RunSummary, 'perplexityProtocol'>;

/** The ways in which the runs' perplexities were measured, the one that most runs share first. */
export function perplexityProtocols(runs: readonly Measured[]): PerplexityProtocol[] {
  const found = new Map<string, { readonly protocol: PerplexityProtocol; readonly runs: number }>();
  for (const { perplexityProtocol: protocol } of runs) {
    if (protocol === null) continue;
    found.set(protocol.id, { protocol, runs: (found.get(protocol.id)?.runs ?? 0) + 1 });
  }
  return [...found.values()].sort((a, b) => b.runs - a.runs).map(({ protocol }) => protocol);
}
