import { characterEnd, PieceTrie } from './piece-trie.ts';
import type { Segment } from './sentence-piece-bpe.ts';
import { type SentencePieceModel, pieceType } from './sentence-piece-model.ts';

/** SentencePiece's kUnkPenalty: an unknown character is worse than the least probable piece by this much. */
const unknownPenalty = 10;

/** FLT_MIN, from which SentencePiece's search for the highest score starts. */
const leastFloat = 2 ** -126;

/**
 * The most probable segmentation (unigram_model.cc, EncodeOptimized): sums of scores in float32 from left to right, as
 * there, since which of two nearly equal ways wins may turn on a rounding.
 */
export function unigramSegmenter(model: SentencePieceModel, ids: ReadonlyMap<string, number>): Segment {
  const trie = new PieceTrie(ids);
  const { pieces, unknownId } = model;
  const normal = pieces.filter(({ type }) => type === pieceType.normal).map(({ score }) => score);
  const lowest = normal.reduce((a, b) => Math.min(a, b), 3.4028234663852886e38);
  const highest = normal.reduce((a, b) => Math.max(a, b), leastFloat);
  const unknownScore = Math.fround(lowest - unknownPenalty);
  const byteLengths = Uint32Array.from(pieces, ({ text }) => Buffer.byteLength(text));
  const scoreOf = (id: number): number =>
    pieces[id].type === pieceType.userDefined
      ? Math.fround(byteLengths[id] * highest) - 0.1 // so that it is always chosen
      : pieces[id].score;

  return (text) => {
    const score = new Float32Array(text.length + 1);
    const start = new Int32Array(text.length + 1).fill(-1);
    const id = new Int32Array(text.length + 1).fill(-1);
    for (let from = 0; from < text.length;) {
      const here = score[from];
      const next = characterEnd(text, from);
      const reach = (end: number, piece: number, sum: number): void => {
        const candidate = Math.fround(sum); // of equal sums the first stays, and they are equal in float32
        if (start[end] >= 0 && candidate <= score[end]) return;
        score[end] = candidate;
        start[end] = from;
        id[end] = piece;
      };
      let hasCharacter = false;
      trie.match(text, from, (end, piece) => {
        if (pieces[piece].type === pieceType.unused) return;
        reach(end, piece, scoreOf(piece) + here);
        hasCharacter ||= end === next;
      });
      if (!hasCharacter) reach(next, unknownId, unknownScore + here);
      from = next;
    }
    const found: (readonly [string, number])[] = [];
    for (let end = text.length; end > 0; end = start[end]) found.push([text.slice(start[end], end), id[end]]);
    return found.reverse();
  };
}
