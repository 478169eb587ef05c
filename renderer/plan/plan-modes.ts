import type { PruneSettings } from '../../preload/contract.ts';

export const modes = ['block', 'channel', 'layer'] as const;
export type PlanMode = (typeof modes)[number];

/** What a plan removes: a plan that removes nothing is shown as the usual one. */
export function modeOf({ mode }: Pick<PruneSettings, 'mode'>): PlanMode {
  return mode === 'channel' || mode === 'layer' ? mode : 'block';
}

/** Whether the plan's structures are scored by a criterion; whole layers are judged by what they do to their input. */
export const hasCriterion = (prune: Pick<PruneSettings, 'mode'>): boolean => modeOf(prune) !== 'layer';

/** Whether heads and MLP channels go: windows, scope and single layers have a meaning there alone. */
export const isByBlock = (prune: Pick<PruneSettings, 'mode'>): boolean => modeOf(prune) === 'block';

/** Criteria that read calibration text. */
export const usesGradient = (criterion: string): boolean => criterion.startsWith('taylor');

/** Whether a run of the plan reads calibration text. */
export function readsCalibration(prune: Pick<PruneSettings, 'mode' | 'criterion' | 'drop'>): boolean {
  if (modeOf(prune) === 'layer') return prune.drop !== 'last';
  return usesGradient(prune.criterion);
}
