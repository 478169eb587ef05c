/**
 * Byte-level byte-pair encoding, learned from a text, as GPT-2 has it (Sennrich et al. 2016, arXiv 1508.07909; Radford
 * et al. 2019): the text is cut into words, each word starts as its UTF-8 bytes, and the most frequent pair of
 * neighbours is merged until the vocabulary is full. Pair counts follow each merge only in the words that hold it.
 *
 * Equal counts are settled by the smaller pair of ids, which is also what the tokenizers library does.
 */

/** Id 0: ends a text, and stands where a model wants a first token. */
export const endOfText = '<|endoftext|>';

/** A pair's key must hold both ids; no byte-level vocabulary for a model of this kind comes near it. */
const maxVocabSize = 1 << 16;

/** A pair seen once tells nothing about the language. */
const minPairCount = 2;

const byteCount = 256;

export interface BytePairModel {
  /** Token strings, byte by byte in the byte-level alphabet, at their ids: the special token, 256 bytes, the merges'. */
  readonly tokens: readonly string[];
  /** Pairs of token strings, the first learned first. Two of them may make the same token. */
  readonly merges: readonly (readonly [string, string])[];
}

/** GPT-2's cut into words; \p{White_Space} is what the tokenizers library means by \s, JavaScript's differs. */
const wordPattern =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** The printable character of each byte: itself where it is visible, one from U+0100 on where it is not. */
const byteCharacters: readonly string[] = makeByteCharacters();

/** Learns up to `vocabSize` tokens; fewer if no pair is left that the text has twice. */
export function trainBytePairs(text: string, vocabSize: number): BytePairModel {
  const smallest = 1 + byteCount;
  if (!Number.isInteger(vocabSize) || vocabSize < smallest || vocabSize > maxVocabSize) {
    throw new RangeError(
      `The vocabulary size must be from ${smallest} to ${maxVocabSize}, but it is ${vocabSize}.`,
    );
  }
  const tokens = [endOfText, ...byteCharacters.toSorted(byCodePoint)];
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const pairs = new PairTable(readWords(text, idOf));
  const merges: [string, string][] = [];
  while (tokens.length < vocabSize) {
    const pair = pairs.takeMostFrequent();
    if (pair === undefined) break;
    const left = tokens[pair.left] ?? '';
    const right = tokens[pair.right] ?? '';
    const token = left + right;
    const id = idOf.get(token) ?? tokens.length;
    if (id === tokens.length) {
      tokens.push(token);
      idOf.set(token, id);
    }
    merges.push([left, right]);
    pairs.merge(pair, id);
  }
  return { tokens, merges };
}

/** The content of tokenizer.json. */
export function tokenizerJson(model: BytePairModel): object {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [
      {
        id: 0,
        content: endOfText,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      },
    ],
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(model.tokens.map((token, id) => [token, id])),
      merges: model.merges,
    },
  };
}

/** The content of tokenizer_config.json. */
export function tokenizerConfigJson(): object {
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: endOfText,
    eos_token: endOfText,
    unk_token: null,
    add_prefix_space: false,
    clean_up_tokenization_spaces: false,
  };
}

interface Word {
  /** Token ids, in order; shorter after each merge. */
  ids: number[];
  /** How often the text has the word. */
  readonly count: number;
}

interface Pair {
  readonly left: number;
  readonly right: number;
}

/** Every pair of neighbours in the words: how often the text has it, and which words hold it. */
class PairTable {
  private readonly counts = new Map<number, number>();
  private readonly holders = new Map<number, Set<Word>>();
  private readonly queue = new CandidateQueue();
  private readonly merged = new Set<number>();

  constructor(words: readonly Word[]) {
    for (const word of words) this.addPairs(word);
    for (const [key, count] of this.counts) this.queue.push({ key, count });
  }

  /** A pair's count may have fallen since it was queued: it is queued again with what it is now. */
  takeMostFrequent(): Pair | undefined {
    for (let top = this.queue.pop(); top !== undefined; top = this.queue.pop()) {
      const count = this.counts.get(top.key) ?? 0;
      if (this.merged.has(top.key) || count > top.count) continue;
      if (count < top.count) {
        if (count >= minPairCount) this.queue.push({ key: top.key, count });
        continue;
      }
      return count >= minPairCount ? pairOf(top.key) : undefined;
    }
    return undefined;
  }

  merge(pair: Pair, id: number): void {
    const key = keyOf(pair.left, pair.right);
    const changed = new Set<number>();
    for (const word of this.holders.get(key) ?? []) {
      this.removePairs(word);
      word.ids = mergeIds(word.ids, pair, id);
      for (const added of this.addPairs(word)) changed.add(added);
    }
    this.merged.add(key);
    for (const added of changed) this.queue.push({ key: added, count: this.counts.get(added) ?? 0 });
  }

  private addPairs(word: Word): number[] {
    const keys = keysOf(word.ids);
    for (const key of keys) {
      this.counts.set(key, (this.counts.get(key) ?? 0) + word.count);
      const holders = this.holders.get(key);
      if (holders === undefined) this.holders.set(key, new Set([word]));
      else holders.add(word);
    }
    return keys;
  }

  private removePairs(word: Word): void {
    for (const key of keysOf(word.ids)) {
      const count = (this.counts.get(key) ?? 0) - word.count;
      if (count > 0) this.counts.set(key, count);
      else this.counts.delete(key);
      this.holders.get(key)?.delete(word);
    }
  }
}

interface Candidate {
  readonly key: number;
  readonly count: number;
}

/** A binary heap: the largest count first, among equals the smallest key. */
class CandidateQueue {
  private readonly heap: Candidate[] = [];

  push(candidate: Candidate): void {
    let at = this.heap.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = this.heap[above];
      if (parent === undefined || !precedes(candidate, parent)) break;
      this.heap[at] = parent;
      at = above;
    }
    this.heap[at] = candidate;
  }

  pop(): Candidate | undefined {
    const top = this.heap[0];
    const last = this.heap.pop();
    if (last !== undefined && this.heap.length > 0) this.sink(last);
    return top;
  }

  private sink(candidate: Candidate): void {
    let at = 0;
    for (;;) {
      const [left, right] = [this.heap[2 * at + 1], this.heap[2 * at + 2]];
      if (left === undefined) break;
      const rightFirst = right !== undefined && precedes(right, left);
      const child = rightFirst ? right : left;
      if (!precedes(child, candidate)) break;
      this.heap[at] = child;
      at = 2 * at + (rightFirst ? 2 : 1);
    }
    this.heap[at] = candidate;
  }
}

function precedes(a: Candidate, b: Candidate): boolean {
  return a.count > b.count || (a.count === b.count && a.key < b.key);
}

function keyOf(left: number, right: number): number {
  return left * maxVocabSize + right;
}

function pairOf(key: number): Pair {
  return { left: Math.floor(key / maxVocabSize), right: key % maxVocabSize };
}

function keysOf(ids: readonly number[]): number[] {
  return ids.slice(1).map((right, index) => keyOf(ids[index] ?? 0, right));
}

/** From the left: of three equal ids the first two become one. */
function mergeIds(ids: readonly number[], pair: Pair, id: number): number[] {
  const merged: number[] = [];
  for (let at = 0; at < ids.length; at++) {
    const left = ids[at];
    if (left === undefined) break;
    if (left === pair.left && ids[at + 1] === pair.right) {
      merged.push(id);
      at++;
    } else {
      merged.push(left);
    }
  }
  return merged;
}

function readWords(text: string, idOf: ReadonlyMap<string, number>): Word[] {
  const counts = new Map<string, number>();
  for (const part of text.split(endOfText)) {
    for (const [word] of part.matchAll(wordPattern)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const idOfByte = byteCharacters.map((character) => idOf.get(character) ?? 0);
  const encoder = new TextEncoder();
  return Array.from(counts, ([word, count]) => ({
    ids: Array.from(encoder.encode(word), (byte) => idOfByte[byte] ?? 0),
    count,
  }));
}

function makeByteCharacters(): string[] {
  let hidden = 0;
  return Array.from({ length: byteCount }, (_, byte) => {
    const visible = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(visible ? byte : byteCount + hidden++);
  });
}

function byCodePoint(a: string, b: string): number {
  return a < b ? -1 : 1;
}
