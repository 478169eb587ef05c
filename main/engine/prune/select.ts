/**
 * How many of `total` units a local selection removes: the published count in channels,
 * n = size - int(size · (1 - ratio)), in whole units floor(n / unitSize) (docs/method.md, Selection); one unit always stays.
 * @param unitSize Channels a unit has: head_dim for a head, 1 for an MLP channel.
 */
export function removedUnits(total: number, unitSize: number, ratio: number): number {
  const size = total * unitSize;
  const channels = size - Math.trunc(size * (1 - ratio));
  return Math.min(Math.floor(channels / unitSize), total - 1);
}

/** The units that stay when the `removed` lowest scores go, ascending; of equal scores the lower index goes first. */
export function keepHighest(scores: ArrayLike<number>, removed: number): number[] {
  const order = Array.from({ length: scores.length }, (_, i) => i).sort(
    (a, b) => scores[a] - scores[b] || a - b,
  );
  return order.slice(removed).sort((a, b) => a - b);
}
