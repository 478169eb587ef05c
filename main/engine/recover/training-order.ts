import type { TrainingExample } from '../dataset/training-example.ts';
import { EngineError } from '../errors.ts';
import { RandomStream } from '../tensor/random.ts';

/** Which rows are trained on and which only measured, by position in the data. */
export interface DataSplit {
  readonly training: readonly number[];
  readonly validation: readonly number[];
}

const publishedValidationRows = 2000;
const validationPart = 0.05;

/** Splits examples as their training does. @throws EngineError text-too-short. */
export function splitExamples(
  examples: readonly Pick<TrainingExample, 'document'>[],
  { validation, seed }: { readonly validation: { readonly rows: number | null }; readonly seed: number },
): DataSplit {
  const documents = examples.map(({ document }) => document);
  return splitRows(documents, validation.rows, seed);
}

/**
 * Rows for validation; both parts keep the order of the data. Documents are drawn at random and go whole, those that
 * are larger than what is still missing passed over: so a document is on one side alone. Where none is small enough,
 * as of one running text, a block of adjacent windows of the first drawn is taken, at a random place.
 * @param documents The document of each row.
 * @param validationRows null: a twentieth of the rows, at most 2000. Fewer are given where documents do not add up.
 * @throws EngineError text-too-short where none are left to train on.
 */
export function splitRows(
  documents: readonly number[],
  validationRows: number | null,
  seed: number,
): DataSplit {
  const rowCount = documents.length;
  const measured = validationRows ?? Math.min(publishedValidationRows, Math.floor(validationPart * rowCount));
  if (measured >= rowCount) {
    throw new EngineError(
      'text-too-short',
      `The training data has ${rowCount} usable rows, of which ${measured} are for validation: none are left to train on.`,
      { rows: rowCount, validationRows: measured },
      'Give more rows, or a smaller recover.validation.rows.',
    );
  }
  const chosen = new Set(drawnRows(documents, measured, new RandomStream(seed, 'validation-split')));
  const all = documents.map((_, row) => row);
  return {
    training: all.filter((row) => !chosen.has(row)),
    validation: all.filter((row) => chosen.has(row)),
  };
}

function drawnRows(documents: readonly number[], wanted: number, random: RandomStream): number[] {
  const rowsOf = new Map<number, number[]>();
  documents.forEach((document, row) => {
    const known = rowsOf.get(document);
    if (known) known.push(row);
    else rowsOf.set(document, [row]);
  });
  const groups = [...rowsOf.values()];
  const drawn = random.permutation(groups.length).map((group) => groups[group]);
  const chosen: number[] = [];
  for (const rows of drawn) {
    if (chosen.length + rows.length <= wanted) chosen.push(...rows);
  }
  if (chosen.length > 0) return chosen;
  const [rows] = drawn;
  const first = random.below(rows.length - wanted + 1);
  return rows.slice(first, first + wanted);
}

/** The rows of each step: every epoch takes all rows in an order of its own; its last step may have fewer. */
export class TrainingOrder {
  private readonly stepsPerEpoch: number;
  private epoch = -1;
  private order: readonly number[] = [];

  constructor(
    private readonly rows: readonly number[],
    private readonly batchSize: number,
    private readonly seed: number,
  ) {
    this.stepsPerEpoch = Math.ceil(rows.length / batchSize);
  }

  /** Steps in all; those that are given win over the epochs. */
  stepsOf({ steps, epochs }: { readonly steps: number | null; readonly epochs: number }): number {
    return steps ?? Math.ceil(epochs * this.stepsPerEpoch);
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
