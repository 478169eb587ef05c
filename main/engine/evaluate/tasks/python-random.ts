/**
 * Python's `random.Random(seed)`, as far as the harness draws its examples with it: MT19937 (Matsumoto and Nishimura
 * 1998) and `sample` of CPython 3.
 */
export class PythonRandom {
  private readonly state = new Uint32Array(size);
  private next = size;

  /** @param seed A whole number from 0, below 2³². */
  constructor(seed: number) {
    const { state } = this;
    state[0] = 19650218;
    for (let i = 1; i < size; i++) state[i] = Math.imul(1812433253, mixed(state[i - 1])) + i;
    let i = 1;
    const step = (): void => {
      if (++i < size) return;
      state[0] = state[size - 1];
      i = 1;
    };
    for (let k = 0; k < size; k++) {
      state[i] = (state[i] ^ Math.imul(mixed(state[i - 1]), 1664525)) + seed;
      step();
    }
    for (let k = 1; k < size; k++) {
      state[i] = (state[i] ^ Math.imul(mixed(state[i - 1]), 1566083941)) - i;
      step();
    }
    state[0] = 0x80000000;
  }

  /** `count` different indices below `total`, as random.sample draws them from a list of that length. */
  sample(total: number, count: number): number[] {
    if (count > total) throw new RangeError(`${count} cannot be drawn from ${total}.`);
    const chosen: number[] = [];
    if (total <= poolSize(count)) {
      const pool = Array.from({ length: total }, (_, i) => i);
      for (let i = 0; i < count; i++) {
        const j = this.below(total - i);
        chosen.push(pool[j]);
        pool[j] = pool[total - i - 1];
      }
      return chosen;
    }
    while (chosen.length < count) {
      const j = this.below(total);
      if (!chosen.includes(j)) chosen.push(j);
    }
    return chosen;
  }

  /** A whole number from 0, below `limit`: bits are drawn until they are. */
  private below(limit: number): number {
    const bits = 32 - Math.clz32(limit);
    let value = this.word() >>> (32 - bits);
    while (value >= limit) value = this.word() >>> (32 - bits);
    return value;
  }

  private word(): number {
    if (this.next === size) this.twist();
    let y = this.state[this.next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  private twist(): void {
    const { state } = this;
    for (let i = 0; i < size; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % size] & 0x7fffffff);
      state[i] = state[(i + 397) % size] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.next = 0;
  }
}

const size = 624;

const mixed = (word: number): number => word ^ (word >>> 30);

/** Up to this many a list is copied to draw from; CPython compares the sizes of a list and of a set. */
const poolSize = (count: number): number =>
  21 + (count > 5 ? 4 ** Math.ceil(Math.log(count * 3) / Math.log(4)) : 0);
