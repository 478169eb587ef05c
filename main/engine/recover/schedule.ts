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
