import type { TrainingCost } from './training-cost.ts';

/** What one training step took. */
export interface StepEffort {
  /** Tokens of each row, without padding. */
  readonly lengths: readonly number[];
  readonly seconds: number;
}

export interface SpeedSummary {
  /** Over all steps taken, without padding, validations and checkpoints. */
  readonly tokensPerSecond: number;
  /** The same if nothing but the matrix products took time, each at the raw rate. */
  readonly tokensPerSecondAtRawRate: number;
  /** Floating-point operations a second of plain matrix products on the same device (raw-rate.ts). */
  readonly rawFlopsPerSecond: number;
}

/** Adds up the steps of a training. */
export class TrainingSpeed {
  private tokens = 0;
  private seconds = 0;
  private flops = 0;

  constructor(
    private readonly cost: TrainingCost,
    private readonly rawFlopsPerSecond: number,
  ) {}

  add({ lengths, seconds }: StepEffort): void {
    this.seconds += seconds;
    for (const length of lengths) {
      this.tokens += length;
      this.flops += this.cost.flopsOfRow(length);
    }
  }

  /** null where no step was taken. */
  summary(): SpeedSummary | null {
    const { tokens, seconds, flops, rawFlopsPerSecond } = this;
    if (tokens === 0) return null;
    return {
      tokensPerSecond: tokens / seconds,
      tokensPerSecondAtRawRate: (tokens * rawFlopsPerSecond) / flops,
      rawFlopsPerSecond,
    };
  }
}
