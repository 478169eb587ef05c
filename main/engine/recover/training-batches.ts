import type { TrainingExample } from '../dataset/training-example.ts';
import type { Batch } from '../runtime/batch.ts';

/** Rows of a step that go through the network together, padded on the right. */
export interface TrainingBatch extends Batch {
  readonly learnt: Uint8Array;
  /** Which rows of the step these are. [rows] */
  readonly rowsOfStep: readonly number[];
}

/** Tensor lengths that are a multiple of this suit vector units; as the published script pads. */
const lengthMultiple = 8;

/**
 * The rows of a step in micro-batches of at most `maxRows`, longest first, so that rows of like length share their
 * padding. A causal model's loss does not see what is padded on the right.
 */
export function trainingBatches(examples: readonly TrainingExample[], maxRows: number): TrainingBatch[] {
  const order = examples
    .map((_, row) => row)
    .sort((a, b) => examples[b].ids.length - examples[a].ids.length || a - b);
  const batches: TrainingBatch[] = [];
  for (let start = 0; start < order.length; start += maxRows) {
    batches.push(padded(examples, order.slice(start, start + maxRows)));
  }
  return batches;
}

function padded(examples: readonly TrainingExample[], rowsOfStep: readonly number[]): TrainingBatch {
  const longest = examples[rowsOfStep[0]].ids.length;
  const length = lengthMultiple * Math.ceil(longest / lengthMultiple);
  const ids = new Int32Array(rowsOfStep.length * length);
  const learnt = new Uint8Array(ids.length);
  rowsOfStep.forEach((row, i) => {
    ids.set(examples[row].ids, i * length);
    learnt.set(examples[row].learnt, i * length);
  });
  return { rows: rowsOfStep.length, length, ids, learnt, rowsOfStep };
}
