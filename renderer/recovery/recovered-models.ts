import type { Costs, RunDetail, RunProgress, RunReport, RunSummary } from '../../preload/contract.ts';
import { runMetrics } from '../studio/progress.ts';

type Measured = Costs & { readonly perplexity: number | null };

/** The models of a run as far as it knows them; the last two only where it trains them. */
export interface RunModels {
  readonly before: Measured | null;
  readonly after: Measured | null;
  readonly recovered: Measured | null;
  readonly control: Measured | null;
}

/** A recovered model costs what the pruned one does, and the control what the original does. */
export function modelsOf(report: RunReport): RunModels {
  const { before, after, recovery } = report;
  return {
    before,
    after,
    recovered: recovery && { ...after, perplexity: recovery.recovered.perplexity },
    control: recovery?.control ? { ...before, perplexity: recovery.control.perplexity } : null,
  };
}

/** The same of a run that is not finished. */
export function modelsSoFar(
  { stages, report }: RunSummary,
  planned: RunDetail['planned'],
  progress: RunProgress | null,
): RunModels {
  if (report !== null) return modelsOf(report);
  const measured = (costs: Costs, metric: string): Measured => ({
    ...costs,
    perplexity: progress?.metrics[metric] ?? null,
  });
  if (planned === null) return { before: null, after: null, recovered: null, control: null };
  return {
    before: measured(planned.before, runMetrics.perplexityBefore),
    after: measured(planned.after, runMetrics.perplexityAfter),
    recovered: stages.includes('recover') ? measured(planned.after, runMetrics.perplexityRecovered) : null,
    control: stages.includes('recover-control')
      ? measured(planned.before, runMetrics.perplexityControl)
      : null,
  };
}

/** The perplexity of what a run ends with. */
export function finalPerplexity({ after, recovery }: RunReport): number | null {
  return recovery ? recovery.recovered.perplexity : after.perplexity;
}

/** A rise of the log-perplexity below this is next to none: a share of it says nothing. */
const leastRise = 0.01;

/** How much of the rise in log-perplexity came back; null where it was not measured, or hardly rose. */
export function returnedShare({ before, after, recovery }: RunReport): number | null {
  const now = recovery?.recovered.perplexity ?? null;
  if (before.perplexity === null || after.perplexity === null || now === null) return null;
  const rise = Math.log(after.perplexity / before.perplexity);
  return rise < leastRise ? null : Math.log(after.perplexity / now) / rise;
}
