import { removedUnits } from './select.ts';

/** Something that may be cut: a layer's heads or channels, those of all layers alike, the hidden axis. */
export interface Cuttable {
  /** Units there are. */
  readonly units: number;
  /** Channels a unit has, which the published rounding counts. */
  readonly unitSize: number;
  /** What a unit takes, in parameters or bytes. */
  readonly unitCost: number;
  /** Units that stay at least and, where something is cut at all, at most. */
  readonly least: number;
  readonly most: number;
  /** A width between them is a multiple of this. */
  readonly step: number;
}

/** Something that may be cut, and the structures that are cut as it is: their places among those of the model. */
export type Tied = Cuttable & { readonly members: readonly number[] };

/** Units that a ratio leaves: the published count, rounded down to a whole step. */
export function keptAt(
  { units, unitSize, least, most, step }: Omit<Cuttable, 'unitCost'>,
  ratio: number,
): number {
  const kept = units - removedUnits(units, unitSize, ratio);
  return Math.max(least, Math.min(most, kept - (kept % step)));
}

export interface FittedWidths {
  /** Units that stay, by cuttable. */
  readonly kept: readonly number[];
  /** The smallest ratio whose widths fit, in as few digits as say the same; single units may have been given back. */
  readonly ratio: number;
}

/**
 * Widths whose cost is at most `room`, such that one step more anywhere would be too much: those of the smallest ratio
 * that fits, and what room is left then goes to what has lost the largest part, unit by unit, of equal ones to the first.
 * null where even the least widths do not fit.
 */
export function fitWidths(cuttables: readonly Cuttable[], room: number): FittedWidths | null {
  const widthsAt = (ratio: number): number[] => cuttables.map((one) => keptAt(one, ratio));
  const costOf = (kept: readonly number[]): number =>
    cuttables.reduce((total, { unitCost }, i) => total + unitCost * kept[i], 0);
  const fits = (ratio: number): boolean => costOf(widthsAt(ratio)) <= room;
  if (!fits(1)) return null;
  let [tooLittle, enough] = [0, fits(0) ? 0 : 1];
  while (enough - tooLittle > Number.EPSILON) {
    const middle = (tooLittle + enough) / 2;
    if (middle === tooLittle || middle === enough) break;
    if (fits(middle)) enough = middle;
    else tooLittle = middle;
  }
  const kept = widthsAt(enough);
  giveBack(cuttables, kept, room - costOf(kept));
  return { kept, ratio: shortest(enough, widthsAt) };
}

/** The ratio with the fewest decimals, up to six, that leaves the same widths. */
function shortest(ratio: number, widthsAt: (ratio: number) => number[]): number {
  const widths = widthsAt(ratio).join(' ');
  for (let decimals = 1; decimals <= 6; decimals++) {
    const rounded = Math.ceil(ratio * 10 ** decimals) / 10 ** decimals;
    if (rounded > 0 && rounded < 1 && widthsAt(rounded).join(' ') === widths) return rounded;
  }
  return ratio;
}

/** Spends `room` on steps for what has lost the largest part, until none fits. */
function giveBack(cuttables: readonly Cuttable[], kept: number[], room: number): void {
  for (;;) {
    let next = -1;
    cuttables.forEach(({ units, unitCost, most, step }, i) => {
      if (kept[i] + step > most || unitCost * step > room) return;
      if (next < 0 || kept[i] / units < kept[next] / cuttables[next].units) next = i;
    });
    if (next < 0) return;
    const { unitCost, step } = cuttables[next];
    kept[next] += step;
    room -= unitCost * step;
  }
}
