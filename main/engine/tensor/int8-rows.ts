/** A matrix [rows, columns] in 8 bits: element = values · the scale of its row. */
export interface Int8Rows {
  readonly values: Int8Array;
  /** One a row: its largest magnitude / 127. */
  readonly scales: Float32Array;
}

const largest = 127;
/** Smaller steps have no float32 of full precision: such a row is one of zeros. */
const smallestScale = 2 ** -126;

/**
 * Rounds each row of `matrix` to 255 steps that are symmetric around 0, into `into` from row `firstRow` on. A row that
 * holds NaN or infinity gets such a scale, so that what is computed with it shows it; a row of zeros stays zero.
 */
export function quantiseRows(matrix: Float32Array, into: Int8Rows, firstRow: number): void {
  const columns = into.values.length / into.scales.length;
  for (let row = 0; row < matrix.length / columns; row++) {
    const start = row * columns;
    const exact = magnitudeOf(matrix, start, columns) / largest;
    const scale = exact < smallestScale ? 0 : Math.fround(exact);
    into.scales[firstRow + row] = scale;
    const at = (firstRow + row) * columns - start;
    const steps = scale === 0 ? 0 : 1 / scale;
    for (let i = start; i < start + columns; i++) into.values[at + i] = Math.round(matrix[i] * steps);
  }
}

/** The largest magnitude; NaN where there is one. */
function magnitudeOf(matrix: Float32Array, start: number, columns: number): number {
  let most = 0;
  for (let i = start; i < start + columns; i++) {
    const magnitude = Math.abs(matrix[i]);
    if (Number.isNaN(magnitude)) return NaN;
    if (magnitude > most) most = magnitude;
  }
  return most;
}
