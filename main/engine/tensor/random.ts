/**
 * Philox4x32-10 (Salmon et al., SC 2011): four 32-bit words from a counter and a key. No state: any number of any
 * stream can be drawn at any time, so a resumed run draws what an uninterrupted one would have drawn.
 */
export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): Uint32Array {
  const words = Uint32Array.from(counter);
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [c0, c1, c2, c3] = words;
    words[0] = multiplyHigh(multiplier1, c2) ^ c1 ^ k0;
    words[1] = Math.imul(multiplier1, c2);
    words[2] = multiplyHigh(multiplier0, c0) ^ c3 ^ k1;
    words[3] = Math.imul(multiplier0, c0);
    k0 = (k0 + weyl0) >>> 0;
    k1 = (k1 + weyl1) >>> 0;
  }
  return words;
}

const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;

/** The upper 32 bits of a 32 x 32 bit product, through 16-bit halves so that float64 stays exact. */
function multiplyHigh(a: number, b: number): number {
  const low = (a & 0xffff) * b;
  const high = (a >>> 16) * b + Math.floor(low / 0x10000);
  return Math.floor(high / 0x10000);
}

/** What a stream of random numbers is for; streams of one seed are independent of each other. */
export type RandomPurpose = 'calibration' | 'random-criterion' | 'initialisation' | 'data-order';

const purposeNumber: Readonly<Record<RandomPurpose, number>> = {
  calibration: 1,
  'random-criterion': 2,
  initialisation: 3,
  'data-order': 4,
};

/** Numbers of one stream, named by seed, purpose and an index such as a layer or an epoch. */
export class RandomStream {
  private position = 0;
  private block: Uint32Array = new Uint32Array(0);

  constructor(
    private readonly seed: number,
    private readonly purpose: RandomPurpose,
    private readonly index = 0,
  ) {}

  /** Uniform in [0, 1), with 32 random bits. */
  uniform(): number {
    const within = this.position % 4;
    if (within === 0) {
      const counter = Math.floor(this.position / 4);
      const key = [this.seed >>> 0, Math.floor(this.seed / 2 ** 32) >>> 0] as const;
      this.block = philox(
        [counter >>> 0, Math.floor(counter / 2 ** 32), this.index, purposeNumber[this.purpose]],
        key,
      );
    }
    this.position++;
    return this.block[within] / 2 ** 32;
  }

  /** Uniform over 0 .. bound-1. */
  below(bound: number): number {
    return Math.floor(this.uniform() * bound);
  }

  /** Standard normal (Box-Muller). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** 0 .. length-1 in random order (Fisher-Yates). */
  permutation(length: number): number[] {
    const order = Array.from({ length }, (_, i) => i);
    for (let i = length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }
}
