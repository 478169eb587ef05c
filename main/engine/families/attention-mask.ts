import type { Positions, SideInput, TokenTree } from './family.ts';

/**
 * What each position, of a row or of a tree, sees of the keys: 0, or -infinity as far as float32 can add.
 * @param window Keys that a position sees, itself counted; 0 for all.
 */
export function attentionMask(positions: Positions, window = 0): SideInput {
  return positions.tree ? treeMask(positions.tree, window) : causalMask(positions, window);
}

/**
 * 0 where a position sees a key, -infinity (as far as float32 can add) where the key lies ahead, further back than the
 * window, or its place holds none yet. [length, slots + length]
 */
function causalMask({ length, start = 0, slots = 0 }: Positions, window: number): SideInput {
  const width = slots + length;
  const data = new Float32Array(length * width);
  for (let s = 0; s < length; s++) {
    data.fill(maskedScore, s * width + start, s * width + slots);
    data.fill(maskedScore, s * width + slots + s + 1, (s + 1) * width);
    const hidden = window === 0 ? 0 : Math.max(0, start + s + 1 - window);
    data.fill(maskedScore, s * width, s * width + Math.min(hidden, start));
    data.fill(maskedScore, s * width + slots, s * width + slots + Math.max(0, hidden - start));
  }
  return { dims: [length, width], data };
}

/**
 * 0 where a token of a tree sees another: itself and those that lead to it, no further back than the window.
 * [length, length]
 */
function treeMask({ parents, positions }: TokenTree, window: number): SideInput {
  const length = parents.length;
  const data = new Float32Array(length * length).fill(maskedScore);
  for (const [s, parent] of parents.entries()) {
    if (parent >= 0) data.copyWithin(s * length, parent * length, parent * length + s);
    data[s * length + s] = 0;
    if (window === 0) continue;
    for (let t = 0; t < s; t++) {
      if (positions[t] <= positions[s] - window) data[s * length + t] = maskedScore;
    }
  }
  return { dims: [length, length], data };
}

/** Float32's lowest number, as transformers masks: finite, so that no row of a softmax is NaN. */
export const maskedScore = -3.4028234663852886e38;
