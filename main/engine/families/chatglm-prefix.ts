import { EngineError } from '../errors.ts';
import type { ModelConfig, Positions, SideInput } from './family.ts';
import { maskedScore } from './attention-mask.ts';

/** Where a row's answer begins, and the position that its tokens are given. */
interface Prefix {
  /** Index of the first start token, <sop>. */
  readonly length: number;
  /** Index of [gMASK], or of [MASK] where there is none. */
  readonly maskAt: number;
}

/**
 * Angles and masks of ChatGLM-6B, whose rows are `text [gMASK] <sop> answer`: up to the start token positions count on and
 * all tokens see each other; behind it the position stays that of the mask, a block position counts from 1, and a
 * token sees what comes before.
 * @throws EngineError tokens-invalid for a row without these tokens; feature-unsupported for a tree.
 */
export function prefixInputs(
  config: ModelConfig,
  positions: Positions,
): { cos: SideInput; sin: SideInput; mask: SideInput } {
  const { rows = [], tree, length, start = 0 } = positions;
  if (tree) {
    throw new EngineError(
      'feature-unsupported',
      'Zero-shot tasks cannot be asked of ChatGLM-6B: choices share what they begin with, but its prefix sees what follows in it.',
      {},
      'Compare by perplexity, or choose ChatGLM2 or 3.',
    );
  }
  const prefixes = rows.map((ids, row) => prefixOf(config, ids, row));
  return { ...anglesOf(config, prefixes, start, length), mask: maskOf(prefixes, positions) };
}

function prefixOf({ details }: ModelConfig, ids: Int32Array, row: number): Prefix {
  const length = ids.indexOf(details.startId as number);
  const gmask = ids.indexOf(details.gmaskId as number);
  const maskAt = gmask >= 0 ? gmask : ids.indexOf(details.maskId as number);
  if (length >= 0 && maskAt >= 0) return { length, maskAt };
  const missing =
    length < 0 ? `start token, ${details.startId}` : `mask token, ${details.gmaskId} or ${details.maskId}`;
  throw new EngineError(
    'tokens-invalid',
    `Row ${row} has no ${missing}: ChatGLM-6B reads text, [gMASK], <sop> and then the answer.`,
    { row },
    'Texts are put into this form by the tokenizer; rows of token ids have to bring these tokens.',
  );
}

/** [rows, length, 2, headDim / 4]: the position's angles, then the block position's. */
function anglesOf(
  { rotaryFrequencies }: ModelConfig,
  prefixes: readonly Prefix[],
  start: number,
  length: number,
): { cos: SideInput; sin: SideInput } {
  const pairs = rotaryFrequencies.length;
  const angles = new Float32Array(prefixes.length * length * 2 * pairs);
  let at = 0;
  for (const prefix of prefixes) {
    for (let t = start; t < start + length; t++) {
      const isPrefix = t < prefix.length;
      for (const position of [isPrefix ? t : prefix.maskAt, isPrefix ? 0 : t - prefix.length + 1]) {
        for (let i = 0; i < pairs; i++) angles[at++] = position * rotaryFrequencies[i];
      }
    }
  }
  const dims = [prefixes.length, length, 2, pairs];
  return { cos: { dims, data: angles.map(Math.cos) }, sin: { dims, data: angles.map(Math.sin) } };
}

/** 0 where a token sees a key. [rows, length, slots + length] */
function maskOf(prefixes: readonly Prefix[], { length, start = 0, slots = 0 }: Positions): SideInput {
  const width = slots + length;
  const data = new Float32Array(prefixes.length * length * width);
  prefixes.forEach((prefix, row) => {
    for (let s = 0; s < length; s++) {
      const from = (row * length + s) * width;
      data.fill(maskedScore, from + start, from + slots);
      // In a prefix that is here as a whole every token sees every other.
      const seen = Math.max(start + s + 1, prefix.length) - start;
      data.fill(maskedScore, from + slots + Math.min(length, seen), from + width);
    }
  });
  return { dims: [prefixes.length, length, width], data };
}
