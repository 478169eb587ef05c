import type { RunProgress, RunStage } from '../../preload/contract.ts';

/** Every stage that a run can have, in order. */
export const runStages: readonly RunStage[] = [
  'evaluate-before',
  'estimate',
  'slice',
  'evaluate-after',
  'recover',
  'evaluate-recovered',
  'recover-control',
  'evaluate-control',
  'measure-cost',
];

/** The metrics a run tells, by the names it tells them under. */
export const runMetrics = {
  perplexityBefore: 'evaluate-before.perplexity',
  calibrationLoss: 'calibration.loss',
  perplexityAfter: 'evaluate-after.perplexity',
  perplexityRecovered: 'evaluate-recovered.perplexity',
  perplexityControl: 'evaluate-control.perplexity',
} as const;

/** What to show after `next` arrived: messages may overtake each other, but progress on screen never falls. */
export function advanced(shown: RunProgress | undefined, next: RunProgress): RunProgress {
  if (shown === undefined || shown.startedAt !== next.startedAt) return next;
  const was = positionOf(shown);
  const is = positionOf(next);
  if (is >= was) return next;
  return {
    ...next,
    stage: shown.stage,
    fraction: shown.fraction,
    metrics: { ...shown.metrics, ...next.metrics },
  };
}

function positionOf({ stage, fraction }: RunProgress): number {
  return (stage === null ? 0 : runStages.indexOf(stage)) + fraction;
}

export type StageState = 'ahead' | 'now' | 'done' | 'skipped';

export interface StageProgress {
  readonly stage: RunStage;
  readonly state: StageState;
  /** Done so far, 0 to 1. */
  readonly fraction: number;
}

/** Each stage's share; an evaluation that left no perplexity behind was not asked for. */
export function stagesOf(
  stages: readonly RunStage[],
  progress: RunProgress,
  isFinished: boolean,
): StageProgress[] {
  const at = progress.stage === null ? -1 : runStages.indexOf(progress.stage);
  return stages.map((stage) => {
    const i = runStages.indexOf(stage);
    const isPast = isFinished || i < at;
    if (isPast) return { stage, state: wasSkipped(stage, progress) ? 'skipped' : 'done', fraction: 1 };
    if (i === at) return { stage, state: 'now', fraction: Math.min(1, Math.max(0, progress.fraction)) };
    return { stage, state: 'ahead', fraction: 0 };
  });
}

function wasSkipped(stage: RunStage, { metrics }: RunProgress): boolean {
  return stage.startsWith('evaluate') && metrics[`${stage}.perplexity`] === undefined;
}

/** What the passes of a stage do to the layers, as far as the window can see it. */
export interface LayersAtWork {
  readonly layerCount: number;
  /** Layers that will have scores, and those that have them. */
  readonly toScore: ReadonlySet<number>;
  readonly scored: ReadonlySet<number>;
}

/** Shares of the estimate stage that its forward pass and its loss take; then it goes back, layer by layer. */
const forwardShare = 0.25;
const lossShare = 0.3;
/** Share of an evaluation that goes through the layers; then the head is computed. */
const evaluationLayersShare = 0.9;

/** The layer that is computed now; null between layers or where that cannot be told. */
export function layerAtWork(
  { stage, fraction }: RunProgress,
  { layerCount, toScore, scored }: LayersAtWork,
  usesGradient: boolean,
): number | null {
  const sweep = (done: number): number | null =>
    done < 1 ? Math.min(layerCount - 1, Math.floor(done * layerCount)) : null;
  if (stage?.startsWith('evaluate') === true) return sweep(fraction / evaluationLayersShare);
  if (stage !== 'estimate' || toScore.size === 0) return null;
  if (!usesGradient) return [...toScore].sort((a, b) => a - b).find((layer) => !scored.has(layer)) ?? null;
  if (fraction < forwardShare) return sweep(fraction / forwardShare);
  if (fraction < lossShare) return null;
  const lowest = Math.min(...toScore);
  const steps = layerCount - lowest;
  const back = Math.round(((fraction - lossShare) / (1 - lossShare)) * steps);
  return back < steps ? layerCount - 1 - back : null;
}
