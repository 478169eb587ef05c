import type { KeptPort } from '../derive/decoding.ts';
import { EngineError } from '../errors.ts';
import { floats, type Feed, type Result } from './session.ts';

/** Places are added by so many: each time what is kept is copied once, and places that are empty are computed with. */
const slotStep = 64;

/**
 * Keys and values of one layer at the positions so far, in JavaScript's memory: a session reads them where they lie, and
 * gives out the new ones alone.
 */
export class LayerCache {
  private readonly buffers = new Map<string, Float32Array>();
  private filled = 0;
  private room = 0;

  /** Positions kept. */
  get length(): number {
    return this.filled;
  }

  /** Places for positions, of which the first `length` are taken; the others hold zeros. */
  get slots(): number {
    return this.room;
  }

  /** What is kept, as a decoding session takes it: each with `slots` positions. */
  feeds(kept: readonly KeptPort[], rows: number): Record<string, Feed> {
    return Object.fromEntries(
      kept.map((port) => {
        const dims = sizesOf(port, rows, this.room);
        const buffer = this.buffers.get(port.past) ?? new Float32Array(product(dims));
        this.buffers.set(port.past, buffer);
        return [port.past, floats(buffer, dims)];
      }),
    );
  }

  /** Adds what a session gave out for `length` further positions. */
  append(kept: readonly KeptPort[], results: Readonly<Record<string, Result>>, length: number): void {
    const slots = Math.ceil((this.filled + length) / slotStep) * slotStep;
    for (const port of kept) {
      const { data, dims } = results[port.fresh];
      const buffer = this.buffers.get(port.past);
      if (!buffer) throw new EngineError('graph-invalid', `Nothing is kept under "${port.past}".`);
      const outer = product(dims.slice(0, port.axis));
      const inner = product(dims.slice(port.axis + 1));
      const grown = slots > this.room ? relaid(buffer, outer, this.filled, this.room, slots, inner) : buffer;
      for (let o = 0; o < outer; o++) {
        const from = o * length * inner;
        grown.set(
          data.subarray(from, from + length * inner),
          (o * Math.max(slots, this.room) + this.filled) * inner,
        );
      }
      this.buffers.set(port.past, grown);
    }
    this.filled += length;
    this.room = Math.max(slots, this.room);
  }
}

/** [outer, from, inner] as [outer, to, inner], with the first `filled` of each. */
function relaid(
  buffer: Float32Array,
  outer: number,
  filled: number,
  from: number,
  to: number,
  inner: number,
): Float32Array {
  const grown = new Float32Array(outer * to * inner);
  for (let o = 0; o < outer; o++) {
    grown.set(buffer.subarray(o * from * inner, (o * from + filled) * inner), o * to * inner);
  }
  return grown;
}

const sizesOf = ({ dims, axis }: KeptPort, rows: number, slots: number): number[] =>
  dims.map((dim, i) => (i === axis ? slots : typeof dim === 'number' ? dim : rows));

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);
