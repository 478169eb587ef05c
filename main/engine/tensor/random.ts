/**
 * Philox4x32-10 (Salmon et al., SC 2011): four 32-bit words from a counter and a key. No state: any number of any
 * stream can be drawn at any time, so a resumed run draws what an uninterrupted one would have drawn.
 */
export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): Uint32Array {
  const words = new Uint32Array(4);
  philoxInto(words, ...counter, ...key);
  return words;
}

/** The same into an array that is there, for loops in which making one would cost more than the numbers. */
function philoxInto(
  words: Uint32Array,
  counter0: number,
  counter1: number,
  counter2: number,
  counter3: number,
  key0: number,
  key1: number,
): void {
  let [c0, c1, c2, c3, k0, k1] = [counter0, counter1, counter2, counter3, key0, key1];
  for (let round = 0; round < 10; round++) {
    const high1 = multiplyHigh(multiplier1, c2);
    const low1 = Math.imul(multiplier1, c2);
    const high0 = multiplyHigh(multiplier0, c0);
    const low0 = Math.imul(multiplier0, c0);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + weyl0) >>> 0;
    k1 = (k1 + weyl1) >>> 0;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
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
export type RandomPurpose =
  | 'calibration'
  | 'random-criterion'
  | 'initialisation'
  | 'data-order'
  | 'adapter'
  | 'validation-split'
  | 'dropout';

const purposeNumber: Readonly<Record<RandomPurpose, number>> = {
  calibration: 1,
  'random-criterion': 2,
  initialisation: 3,
  'data-order': 4,
  adapter: 5,
  'validation-split': 6,
  dropout: 7,
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
      this.block = philox(
        [counter >>> 0, Math.floor(counter / 2 ** 32), this.index, purposeNumber[this.purpose]],
        keyOf(this.seed),
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

/** Where in a training a dropout mask belongs; a mask depends on nothing else. */
export interface MaskPlace {
  readonly step: number;
  /** Row of the step's batch, below 65536, however it is cut into micro-batches. */
  readonly row: number;
  readonly layer: number;
  /** Number of the masked tensor within its layer, below 256. */
  readonly tensor: number;
}

/**
 * Fills `mask` with 0 at the given rate and with 1 / (1 - rate) elsewhere; the rate is met to 2⁻¹⁶. One block of four
 * words decides eight elements.
 */
export function fillDropoutMask(mask: Float32Array, seed: number, place: MaskPlace, rate: number): void {
  const [key0, key1] = keyOf(seed);
  const where = ((place.layer << 8) | place.tensor) >>> 0;
  const dropped = Math.round(rate * 2 ** 16);
  const kept = 1 / (1 - rate);
  const words = new Uint32Array(4);
  const halves = new Uint16Array(words.buffer);
  for (let block = 0; block * 8 < mask.length; block++) {
    philoxInto(words, block, place.step, where, (place.row << 8) | purposeNumber.dropout, key0, key1);
    const end = Math.min(8, mask.length - block * 8);
    for (let i = 0; i < end; i++) mask[block * 8 + i] = halves[i] < dropped ? 0 : kept;
  }
}

const keyOf = (seed: number): [number, number] => [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
