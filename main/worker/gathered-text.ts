import type { GenerationProgress } from '../engine/generate/generate.ts';

/** Often enough to read along; a small model has hundreds of tokens a second. */
const intervalMs = 40;

/**
 * Passes progress on at most every 40 ms, with the text of what was not passed on; the first at once. What comes last
 * may stay here: the result has the whole text.
 */
export function gathered(
  hear: (progress: GenerationProgress) => void,
  now: () => number = () => performance.now(),
): (progress: GenerationProgress) => void {
  let delta = '';
  let lastMs = -Infinity;
  return (progress) => {
    delta += progress.delta;
    if (now() - lastMs < intervalMs) return;
    lastMs = now();
    hear({ ...progress, delta });
    delta = '';
  };
}
