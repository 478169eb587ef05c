import type { ReactNode } from 'react';

/** How far a step of a run has come, as a bar. */
export function StageTrack({
  name,
  fraction,
}: {
  readonly name: string;
  readonly fraction: number;
}): ReactNode {
  return (
    <span
      className="stage-track"
      role="progressbar"
      aria-label={name}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.floor(100 * fraction)}
    >
      <span style={{ width: `${100 * fraction}%` }} />
    </span>
  );
}
