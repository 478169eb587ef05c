import type { RunSummary } from '../../preload/contract.ts';

/** Whether a run neither prunes nor trains: it measures a model as it is. */
export function isEvaluationRun({ criterion, stages }: Pick<RunSummary, 'criterion' | 'stages'>): boolean {
  return criterion === 'none' && !stages.includes('recover');
}
