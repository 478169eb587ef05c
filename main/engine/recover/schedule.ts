/**
 * Learning rate of a step, counted from 0: a linear warm-up from 0 (the first step's rate is 0, as in transformers'
 * schedules), then half a cosine down to `floor` times the peak.
 */
export function cosineSchedule(
  step: number,
  {
    peak,
    warmupSteps,
    totalSteps,
    floor,
  }: { peak: number; warmupSteps: number; totalSteps: number; floor: number },
): number {
  if (step < warmupSteps) return (peak * step) / warmupSteps;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  return peak * (floor + (1 - floor) * 0.5 * (1 + Math.cos(Math.PI * progress)));
}

/** The same warm-up, then a straight line down to 0: transformers' default. */
export function linearSchedule(
  step: number,
  { peak, warmupSteps, totalSteps }: { peak: number; warmupSteps: number; totalSteps: number },
): number {
  if (step < warmupSteps) return (peak * step) / warmupSteps;
  return peak * Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - warmupSteps));
}

/** How the learning rate falls after the warm-up, under the names of transformers' `lr_scheduler_type`. */
export const scheduleNames = ['linear', 'cosine'] as const;
export type ScheduleName = (typeof scheduleNames)[number];

export function learningRateAt(
  step: number,
  schedule: { name: ScheduleName; peak: number; warmupSteps: number; totalSteps: number },
): number {
  return schedule.name === 'linear'
    ? linearSchedule(step, schedule)
    : cosineSchedule(step, { ...schedule, floor: 0 });
}
