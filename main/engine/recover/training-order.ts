import { EngineError } from '../errors.ts';
import { RandomStream } from '../tensor/random.ts';

/** Which rows are trained on and which only measured, by position in the data. */
export interface DataSplit {
  readonly training: readonly number[];
  readonly validation: readonly number[];
}

const publishedValidationRows = 2000;
const validationPart = 0.05;

/**
 * Rows for validation drawn at random; both parts keep the order of the data.
 * @param validationRows null: a twentieth of the rows, at most 2000.
 * @throws EngineError text-too-short where none are left to train on.
 */
export function splitRows(rowCount: number, validationRows: number | null, seed: number): DataSplit {
  const measured = validationRows ?? Math.min(publishedValidationRows, Math.floor(validationPart * rowCount));
  if (measured >= rowCount) {
    throw new EngineError(
      'text-too-short',
      `The training data has ${rowCount} usable rows, of which ${measured} are for validation: none are left to train on.`,
      { rows: rowCount, validationRows: measured },
      'Give more rows, or a smaller recover.validation.rows.',
    );
  }
  const drawn = new RandomStream(seed, 'validation-split').permutation(rowCount).slice(0, measured);
  const chosen = new Set(drawn);
  const all = Array.from({ length: rowCount }, (_, row) => row);
  return {
    training: all.filter((row) => !chosen.has(row)),
    validation: all.filter((row) => chosen.has(row)),
  };
}

/** The rows of each step: every epoch takes all rows in an order of its own; its last step may have fewer. */
export class TrainingOrder {
  readonly stepsPerEpoch: number;
  private epoch = -1;
  private order: readonly number[] = [];

  constructor(
    private readonly rows: readonly number[],
    private readonly batchSize: number,
    private readonly seed: number,
  ) {
    this.stepsPerEpoch = Math.ceil(rows.length / batchSize);
  }

  /** @param step Counted from 0. */
  rowsOfStep(step: number): number[] {
    const epoch = Math.floor(step / this.stepsPerEpoch);
    if (epoch !== this.epoch) {
      this.order = new RandomStream(this.seed, 'data-order', epoch).permutation(this.rows.length);
      this.epoch = epoch;
    }
    const first = (step % this.stepsPerEpoch) * this.batchSize;
    return this.order.slice(first, first + this.batchSize).map((at) => this.rows[at]);
  }
}
