/** Finds the pieces that begin at a place in a text. A node's children lie side by side, in the order of their labels. */
export class PieceTrie {
  /** UTF-16 units. */
  private readonly labels: Uint16Array;
  private readonly firstChild: Int32Array;
  /** -1 where no piece ends. */
  private readonly ids: Int32Array;

  /** @param pieces Texts, each once, with their ids. */
  constructor(pieces: Iterable<readonly [text: string, id: number]>) {
    const sorted = [...pieces].sort(([a], [b]) => (a < b ? -1 : 1));
    const labels: number[] = [0];
    const firstChild: number[] = [];
    const ids: number[] = [-1];
    /** Pieces [from, to) begin with the node's text. */
    const ranges: (readonly [from: number, to: number, depth: number])[] = [[0, sorted.length, 0]];
    for (let node = 0; node < ranges.length; node++) {
      const [start, to, depth] = ranges[node];
      let from = start;
      if (from < to && sorted[from][0].length === depth) ids[node] = sorted[from++][1];
      firstChild.push(ranges.length);
      while (from < to) {
        const label = sorted[from][0].charCodeAt(depth);
        const begin = from;
        while (from < to && sorted[from][0].charCodeAt(depth) === label) from++;
        labels.push(label);
        ids.push(-1);
        ranges.push([begin, from, depth + 1]);
      }
    }
    firstChild.push(ranges.length);
    this.labels = Uint16Array.from(labels);
    this.firstChild = Int32Array.from(firstChild);
    this.ids = Int32Array.from(ids);
  }

  /** Calls `found` with the end and id of each piece that begins at `start`, the shortest first. */
  match(text: string, start: number, found: (end: number, id: number) => void): void {
    let node = 0;
    for (let at = start; at < text.length; at++) {
      node = this.child(node, text.charCodeAt(at));
      if (node < 0) return;
      if (this.ids[node] >= 0) found(at + 1, this.ids[node]);
    }
  }

  /** Where the longest piece that begins at `start` ends; `start` where none does. */
  longest(text: string, start: number): number {
    let end = start;
    this.match(text, start, (found) => (end = found));
    return end;
  }

  private child(node: number, label: number): number {
    let low = this.firstChild[node];
    let high = this.firstChild[node + 1] - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.labels[middle];
      if (found === label) return middle;
      if (found < label) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }
}

/** Where the character at `at` ends: the first half of a surrogate pair takes the second with it. */
export const characterEnd = (text: string, at: number): number =>
  at + (text.charCodeAt(at) >> 10 === 0x36 ? 2 : 1);
