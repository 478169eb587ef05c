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
  let c0 = counter0 | 0;
  let c1 = counter1 | 0;
  let c2 = counter2 | 0;
  let c3 = counter3 | 0;
  let k0 = key0 | 0;
  let k1 = key1 | 0;
  for (let round = 0; round < 10; round++) {
    const high1 = multiplyHigh(multiplier1, c2);
    const low1 = Math.imul(multiplier1, c2);
    const high0 = multiplyHigh(multiplier0, c0);
    const low0 = Math.imul(multiplier0, c0);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + weyl0) | 0;
    k1 = (k1 + weyl1) | 0;
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

/** The upper 32 bits of a 32 x 32 bit product, by 16-bit halves: every step is an int32 operation. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const carry = (Math.imul(aLow, bHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (carry >>> 16)) | 0;
}

/** What a stream of random numbers is for; streams of one seed are independent of each other. */
export type RandomPurpose =
  | 'calibration'
  | 'random-criterion'
  | 'initialisation'
  | 'data-order'
  | 'adapter'
  | 'validation-split'
  | 'dropout'
  | 'generation';

const purposeNumber: Readonly<Record<RandomPurpose, number>> = {
  calibration: 1,
  'random-criterion': 2,
  initialisation: 3,
  'data-order': 4,
  adapter: 5,
  'validation-split': 6,
  dropout: 7,
  generation: 8,
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
  /** Row of the step's batch, below 2²⁴, however it is cut into micro-batches. */
  readonly row: number;
  readonly layer: number;
  /** Number of the masked tensor within its layer, below 256. */
  readonly tensor: number;
}

/**
 * Fills `mask` with 0 at the given rate, between 0 and 1, and with 1 / (1 - rate) elsewhere. What is drawn is the
 * distance from one 0 to the next, which is geometric: one number for each 0, not for each element.
 */
export function fillDropoutMask(mask: Float32Array, seed: number, place: MaskPlace, rate: number): void {
  mask.fill(1 / (1 - rate));
  const [key0, key1] = keyOf(seed);
  const where = (place.layer << 8) | place.tensor;
  const distancePerLog = 1 / Math.log1p(-rate);
  const words = new Uint32Array(4);
  let at = -1;
  for (let block = 0; at < mask.length; block++) {
    philoxInto(words, block, place.step, where, (place.row << 8) | purposeNumber.dropout, key0, key1);
    for (const word of words) {
      at += 1 + Math.floor(Math.log((word + 0.5) / 2 ** 32) * distancePerLog);
      // Beyond the end nothing is set.
      if (at < mask.length) mask[at] = 0;
    }
  }
}

const keyOf = (seed: number): [number, number] => [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
