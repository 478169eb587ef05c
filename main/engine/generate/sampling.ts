import { EngineError } from '../errors.ts';
import { RandomStream } from '../tensor/random.ts';

/** How the next token is chosen among the model's logits. */
export interface Sampling {
  /** Logits are divided by it; 0 takes the most probable token. */
  readonly temperature: number;
  /** Only so many of the most probable tokens; 0: all. */
  readonly topK: number;
  /** Only the fewest tokens that have this much of the probability together, above 0; 1: all. */
  readonly topP: number;
  /** What the logits of tokens that occurred before are divided by, or multiplied where negative; 1: as they are. */
  readonly repetitionPenalty: number;
  readonly seed: number;
}

/**
 * The next token. The random number depends on seed and `step` alone, so that a text is the same however it was
 * interrupted.
 * @throws EngineError compute-failed where a logit is not a number.
 * @param logits [vocabulary]; changed.
 * @param before Tokens of prompt and text so far.
 * @param step Number of the new token, from 0.
 */
export function chooseToken(
  logits: Float32Array,
  before: Iterable<number>,
  sampling: Sampling,
  step: number,
): number {
  if (logits.some(Number.isNaN) || !Number.isFinite(logits[highest(logits)])) throw noNumber();
  penaliseRepetition(logits, before, sampling.repetitionPenalty);
  if (sampling.temperature === 0) return highest(logits);
  shiftToZero(logits);
  filterLogits(logits, sampling);
  return draw(logits, new RandomStream(sampling.seed, 'generation', step).uniform());
}

/** The highest becomes 0, which changes no probability: a temperature near 0 would make it infinite. */
function shiftToZero(logits: Float32Array): void {
  const most = logits[highest(logits)];
  for (let i = 0; i < logits.length; i++) logits[i] -= most;
}

/** The penalty of CTRL (arXiv 1909.05858), once a token however often it occurred. */
export function penaliseRepetition(logits: Float32Array, before: Iterable<number>, penalty: number): void {
  if (penalty === 1) return;
  for (const id of new Set(before)) logits[id] = logits[id] < 0 ? logits[id] * penalty : logits[id] / penalty;
}

/** Temperature, then top-k, then top-p, as transformers orders them; what is filtered out becomes -infinity. */
export function filterLogits(
  logits: Float32Array,
  { temperature, topK, topP }: Pick<Sampling, 'temperature' | 'topK' | 'topP'>,
): void {
  for (let i = 0; i < logits.length; i++) logits[i] /= temperature;
  if (topK > 0 && topK < logits.length) dropBelow(logits, descending(logits)[topK - 1]);
  if (topP < 1) dropBelow(logits, lowestOfNucleus(descending(logits), topP));
}

/** The lowest logit of the nucleus (arXiv 1904.09751): those after it have at most 1 - `topP` of the probability. */
function lowestOfNucleus(sorted: Float32Array, topP: number): number {
  const weights = Float64Array.from(sorted, (logit) => Math.exp(logit - sorted[0]));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let rest = 0;
  for (let i = sorted.length - 1; i > 0; i--) {
    rest += weights[i] / total;
    if (rest > 1 - topP) return sorted[i];
  }
  return sorted[0];
}

const descending = (logits: Float32Array): Float32Array => logits.toSorted().reverse();

/** Tokens as probable as the last one kept are kept too. */
function dropBelow(logits: Float32Array, least: number): void {
  for (let i = 0; i < logits.length; i++) if (logits[i] < least) logits[i] = -Infinity;
}

const noNumber = (): EngineError =>
  new EngineError(
    'compute-failed',
    'A logit of the model is not a finite number.',
    {},
    'The weights of the model may hold NaN or infinity. Get them again, or try the model elsewhere.',
  );

/** The first of the highest. */
function highest(logits: Float32Array): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i;
  return best;
}

/** The token at which the cumulated probability passes `uniform`. */
function draw(logits: Float32Array, uniform: number): number {
  const most = logits[highest(logits)];
  const weights = Float64Array.from(logits, (logit) => Math.exp(logit - most));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let left = uniform * total;
  let last = 0;
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue;
    last = i;
    left -= weights[i];
    if (left < 0) return i;
  }
  return last;
}
