import type { PruneSettings } from '../../preload/contract.ts';
import { noEdits } from './plan-edits.ts';

export const modes = ['block', 'channel', 'layer'] as const;
export type PlanMode = (typeof modes)[number];

/** What a plan removes: a plan that removes nothing is shown as the usual one. */
export function modeOf({ mode }: Pick<PruneSettings, 'mode'>): PlanMode {
  return mode === 'channel' || mode === 'layer' ? mode : 'block';
}

/** What explains the share that goes, of what the mode removes. */
export const shareTerms = {
  block: 'ratioInWindow',
  channel: 'ratioOfHidden',
  layer: 'ratioOfLayers',
} as const satisfies Readonly<Record<PlanMode, string>>;

/** Whether the plan's structures are scored by a criterion; whole layers are judged by what they do to their input. */
export const hasCriterion = (prune: Pick<PruneSettings, 'mode'>): boolean => modeOf(prune) !== 'layer';

/** Whether a person may decide about single layers. */
export const takesEdits = (prune: Pick<PruneSettings, 'mode'>): boolean => modeOf(prune) !== 'channel';

/** Whether heads and MLP channels go: windows, scope and alike widths have a meaning there alone. */
export const isByBlock = (prune: Pick<PruneSettings, 'mode'>): boolean => modeOf(prune) === 'block';

/** The plan under which layers come out alike: each loses the same, so that all are cut and none by its scores. */
export function uniformOver(layers: number): Partial<PruneSettings> {
  return { uniform: true, scope: 'local', layers: { attention: [0, layers], mlp: [0, layers] } };
}

/** Query heads in place of KV groups; heads that are pinned are KV heads, of which none goes by the finer unit. */
export function byQueryHead({ edits }: Pick<PruneSettings, 'edits'>): Partial<PruneSettings> {
  return {
    unit: 'query-head',
    gqaFold: 'correct',
    ...(edits && { edits: { ...edits, keep: { heads: {} } } }),
  };
}

/** Layers that lose by their scores do not come out alike. */
export function withScope(scope: PruneSettings['scope']): Partial<PruneSettings> {
  return scope === 'local' ? { scope } : { scope, uniform: false };
}

/** Criteria that read calibration text. */
export const usesGradient = (criterion: string): boolean => criterion.startsWith('taylor');

/** Whether a run of the plan reads calibration text. */
export function readsCalibration(prune: Pick<PruneSettings, 'mode' | 'criterion' | 'drop'>): boolean {
  if (modeOf(prune) === 'layer') return prune.drop !== 'last';
  return usesGradient(prune.criterion);
}

/** A plan without what has no meaning in its mode: that is kept for another mode, and not asked for. */
export function askedPlan(prune: PruneSettings): PruneSettings {
  const asked = { ...prune };
  const mode = modeOf(prune);
  if (mode === 'block') delete asked.drop;
  else {
    delete asked.scope;
    delete asked.uniform;
    delete asked.unit;
  }
  if (mode === 'channel') {
    delete asked.drop;
    delete asked.edits;
  }
  if (mode === 'layer') {
    delete asked.round;
    delete asked.steps;
    const { attention, mlp } = (prune.edits ?? noEdits).exclude;
    const held = [...new Set([...attention, ...mlp])].sort((a, b) => a - b);
    delete asked.edits;
    if (held.length > 0) asked.edits = { ...noEdits, exclude: { attention: held, mlp: held } };
  }
  return asked;
}
