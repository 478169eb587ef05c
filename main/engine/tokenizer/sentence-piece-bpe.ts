import { characterEnd, type PieceTrie } from './piece-trie.ts';
import { spaceMark } from './schema.ts';
import { type SentencePieceModel, pieceType } from './sentence-piece-model.ts';

type Pieces = readonly (readonly [text: string, id: number])[];

/** Cuts a normalised text into pieces; the id is that of the unknown piece where the model has no such piece. */
export type Segment = (text: string) => Pieces;

/** Words that are remembered: some tens of megabytes. */
const maxKnownWords = 200_000;
const maxKnownLength = 64;

/**
 * Byte-pair encoding as SentencePiece does it (bpe_model.cc): of all neighbours whose joined text is a piece, those of
 * the highest score are joined first, and of equal ones the leftmost. User-defined pieces are never joined.
 */
export function bytePairSegmenter(
  model: SentencePieceModel,
  /** Pieces that a text may consist of: not control, unknown and byte pieces. */
  ids: ReadonlyMap<string, number>,
  userDefined: PieceTrie,
): Segment {
  const merger = new Merger(model, ids, userDefined);
  const isAnyUnused = model.pieces.some(({ type }) => type === pieceType.unused);
  // What becomes of a piece out of use depends on the whole text.
  if (isAnyUnused || !mayCutAtSpaceMarks(ids)) return (text) => merger.segment(text);
  const known = new Map<string, Pieces>();
  return (text) => {
    const found: (readonly [string, number])[] = [];
    for (const [word] of text.matchAll(words)) {
      let pieces = known.get(word);
      if (pieces === undefined) {
        pieces = merger.segment(word);
        if (word.length <= maxKnownLength && known.size < maxKnownWords) known.set(word, pieces);
      }
      for (const piece of pieces) found.push(piece);
    }
    return found;
  };
}

/** A run of marks and what follows it, up to the next. */
const words = new RegExp(`${spaceMark}+[^${spaceMark}]*|[^${spaceMark}]+`, 'g');

/** Whether no piece has a mark behind another character: then nothing is ever joined over the beginning of a word. */
function mayCutAtSpaceMarks(ids: ReadonlyMap<string, number>): boolean {
  const over = new RegExp(`[^${spaceMark}]${spaceMark}`);
  return ![...ids.keys()].some((text) => over.test(text));
}

class Merger {
  constructor(
    private readonly model: SentencePieceModel,
    private readonly ids: ReadonlyMap<string, number>,
    private readonly userDefined: PieceTrie,
  ) {}

  segment(text: string): Pieces {
    const starts: number[] = [];
    const frozen: boolean[] = [];
    for (let at = 0; at < text.length;) {
      const end = this.userDefined.longest(text, at);
      starts.push(at);
      frozen.push(end > at);
      at = end > at ? end : characterEnd(text, at);
    }
    const origins: Origins = new Map();
    const ends = this.merged(text, starts, frozen, origins);
    const pieces: (readonly [string, number])[] = [];
    starts.forEach((start, i) => {
      if (ends[i] > start) pieces.push(...this.resegmented(text.slice(start, ends[i]), origins));
    });
    return pieces;
  }

  /** Where each symbol ends after all merges; at its own start if it was joined to another. */
  private merged(
    text: string,
    starts: readonly number[],
    frozen: readonly boolean[],
    origins: Origins,
  ): Int32Array {
    const count = starts.length;
    const ends = Int32Array.from(starts, (_, i) => starts[i + 1] ?? text.length);
    const previous = Int32Array.from(starts, (_, i) => i - 1);
    const next = Int32Array.from(starts, (_, i) => (i + 1 < count ? i + 1 : -1));
    const queue = new MergeQueue(3 * count);
    const consider = (left: number, right: number): void => {
      if (left < 0 || right < 0 || frozen[left] || frozen[right]) return;
      const joined = text.slice(starts[left], ends[right]);
      const id = this.ids.get(joined);
      if (id === undefined) return;
      const { score, type } = this.model.pieces[id];
      queue.push(left, right, joined.length, score);
      if (type !== pieceType.unused) return;
      origins.set(joined, [text.slice(starts[left], ends[left]), text.slice(starts[right], ends[right])]);
    };
    for (let i = 1; i < count; i++) consider(i - 1, i);
    for (let top = queue.pop(); top !== undefined; top = queue.pop()) {
      const { left, right, length } = top;
      // One of the two was joined elsewhere since.
      const isOutdated = ends[left] === starts[left] || ends[right] === starts[right];
      if (isOutdated || ends[left] - starts[left] + ends[right] - starts[right] !== length) continue;
      ends[left] = ends[right];
      ends[right] = starts[right];
      next[left] = next[right];
      if (next[right] >= 0) previous[next[right]] = left;
      consider(previous[left], left);
      consider(left, next[left]);
    }
    return ends;
  }

  /** A piece that the model has put out of use falls into the two that it would last have been made from. */
  private resegmented(text: string, origins: Origins): Pieces {
    const id = this.ids.get(text);
    if (id === undefined) return [[text, this.model.unknownId]];
    const origin = this.model.pieces[id].type === pieceType.unused ? origins.get(text) : undefined;
    if (origin === undefined) return [[text, id]];
    return origin.flatMap((half) => this.resegmented(half, origins));
  }
}

/** Of pieces out of use: the two texts that they were joined from. */
type Origins = Map<string, readonly [left: string, right: string]>;

interface Merge {
  readonly left: number;
  readonly right: number;
  readonly length: number;
}

/** A heap of neighbours to be joined: the highest score first, then the leftmost. */
class MergeQueue {
  private readonly left: Int32Array;
  private readonly right: Int32Array;
  private readonly length: Int32Array;
  private readonly score: Float32Array;
  private readonly heap: Int32Array;
  private entries = 0;
  private size = 0;

  /** @param most Each merge takes one out and puts two in, so three times the symbols are enough. */
  constructor(most: number) {
    this.left = new Int32Array(most);
    this.right = new Int32Array(most);
    this.length = new Int32Array(most);
    this.score = new Float32Array(most);
    this.heap = new Int32Array(most);
  }

  push(left: number, right: number, length: number, score: number): void {
    const entry = this.entries++;
    this.left[entry] = left;
    this.right[entry] = right;
    this.length[entry] = length;
    this.score[entry] = score;
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.isBefore(entry, this.heap[parent])) break;
      this.heap[at] = this.heap[parent];
      at = parent;
    }
    this.heap[at] = entry;
  }

  pop(): Merge | undefined {
    if (this.size === 0) return undefined;
    const top = this.heap[0];
    const moved = this.heap[--this.size];
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.size) break;
      if (child + 1 < this.size && this.isBefore(this.heap[child + 1], this.heap[child])) child++;
      if (!this.isBefore(this.heap[child], moved)) break;
      this.heap[at] = this.heap[child];
      at = child;
    }
    this.heap[at] = moved;
    return { left: this.left[top], right: this.right[top], length: this.length[top] };
  }

  private isBefore(a: number, b: number): boolean {
    return this.score[a] > this.score[b] || (this.score[a] === this.score[b] && this.left[a] < this.left[b]);
  }
}
