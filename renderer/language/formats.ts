/** Numbers and times in the digits, separators and order of a language. */
export interface Formats {
  /** 6738415616 as 6.74 B. */
  readonly shortCount: (value: number) => string;
  /** 6738415616 as 6,738,415,616. */
  readonly count: (value: number) => string;
  /** Multiply-accumulates: 424.02 G, or 84.21 M of a small model. */
  readonly macs: (value: number) => string;
  /** In binary units: 12.58 GiB. */
  readonly bytes: (value: number) => string;
  /** 13509328896 as 13,509,328,896 B. */
  readonly exactBytes: (value: number) => string;
  readonly perplexity: (value: number) => string;
  readonly loss: (value: number) => string;
  /** A score, whatever its magnitude. */
  readonly score: (value: number) => string;
  /** 0.195 as 19.5 %. */
  readonly percent: (fraction: number) => string;
  /** Whole percent, for progress. */
  readonly wholePercent: (fraction: number) => string;
  /** From one value to another, with a sign: −19.5 %. */
  readonly change: (before: number, after: number) => string;
  /** With a sign: +1.2, −0.4. */
  readonly signed: (value: number) => string;
  readonly dateTime: (iso: string) => string;
  readonly timeOfDay: (iso: string) => string;
  /** 75,000 ms as 1:15. */
  readonly clock: (ms: number) => string;
  /** In the largest unit that has a number to it, rounded: 3 hours, 5 weeks. */
  readonly duration: (ms: number) => string;
  /** 8,230 ms as 8.23 s, 12 ms as 12.0 ms. */
  readonly shortDuration: (ms: number) => string;
}

const kibi = 2 ** 10;
const gibi = 2 ** 30;
const mebi = 2 ** 20;

/** @param language BCP 47, such as en or zh-CN. */
export function formatsOf(language: string): Formats {
  const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
  const threeDigits = new Intl.NumberFormat(language, {
    minimumSignificantDigits: 3,
    maximumSignificantDigits: 3,
  });
  // Five digits, as the command line's table has them: the same run reads the same in both.
  const fiveDigits = new Intl.NumberFormat(language, {
    minimumSignificantDigits: 5,
    maximumSignificantDigits: 5,
  });
  const fourDecimals = decimals(language, 4);
  const twoDecimals = decimals(language, 2);
  const oneDecimal = decimals(language, 1);
  const signed = new Intl.NumberFormat(language, {
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
    signDisplay: 'exceptZero',
  });
  const scientific = new Intl.NumberFormat(language, { notation: 'scientific', maximumFractionDigits: 2 });
  const date = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
  const time = new Intl.DateTimeFormat(language, { timeStyle: 'medium', hourCycle: 'h23' });
  const withSign = (value: number): string => {
    const text = signed.format(value).replace('-', '−');
    return /[1-9]/.test(text) ? text : `±${oneDecimal.format(0)}`;
  };
  const percent = (fraction: number): string => `${oneDecimal.format(100 * fraction)} %`;

  return {
    shortCount: (value) => {
      if (value >= 1e9) return `${threeDigits.format(value / 1e9)} B`;
      if (value >= 1e6) return `${threeDigits.format(value / 1e6)} M`;
      return whole.format(value);
    },
    count: (value) => whole.format(value),
    macs: (value) =>
      value < 1e9 ? `${twoDecimals.format(value / 1e6)} M` : `${twoDecimals.format(value / 1e9)} G`,
    bytes: (value) => {
      if (value >= gibi) return `${twoDecimals.format(value / gibi)} GiB`;
      if (value >= 10 * mebi) return `${oneDecimal.format(value / mebi)} MiB`;
      if (value >= mebi) return `${twoDecimals.format(value / mebi)} MiB`;
      return value >= kibi ? `${oneDecimal.format(value / kibi)} KiB` : `${whole.format(value)} B`;
    },
    exactBytes: (value) => `${whole.format(value)} B`,
    perplexity: (value) => fiveDigits.format(value),
    loss: (value) => fourDecimals.format(value),
    score: (value) =>
      value === 0 || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5)
        ? threeDigits.format(value)
        : scientific.format(value),
    percent,
    wholePercent: (fraction) => `${whole.format(Math.floor(100 * fraction))} %`,
    change: (before, after) => `${withSign(100 * (after / before - 1))} %`,
    signed: withSign,
    dateTime: (iso) => date.format(new Date(iso)),
    timeOfDay: (iso) => time.format(new Date(iso)),
    clock,
    duration: (ms) => {
      const { unit, unitMs } = durationUnits.find(({ upToMs }) => ms < upToMs) ?? centuries;
      const unitFormat = new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' });
      return unitFormat.format(Math.max(1, Math.round(ms / unitMs)));
    },
    shortDuration: (ms) =>
      ms < secondMs ? `${threeDigits.format(ms)} ms` : `${threeDigits.format(ms / secondMs)} s`,
  };
}

const secondMs = 1000;
const dayMs = 86_400 * secondMs;
const centuries = { unit: 'year', unitMs: 365 * dayMs };

/** A unit is used up to where the next says as much. */
const durationUnits = [
  { unit: 'second', unitMs: secondMs, upToMs: 90 * secondMs },
  { unit: 'minute', unitMs: 60 * secondMs, upToMs: 90 * 60 * secondMs },
  { unit: 'hour', unitMs: 3600 * secondMs, upToMs: 1.5 * dayMs },
  { unit: 'day', unitMs: dayMs, upToMs: 14 * dayMs },
  { unit: 'week', unitMs: 7 * dayMs, upToMs: 70 * dayMs },
  { unit: 'month', unitMs: 30 * dayMs, upToMs: 540 * dayMs },
] as const;

function decimals(language: string, digits: number): Intl.NumberFormat {
  return new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function clock(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const minutesAndSeconds = [Math.floor(seconds / 60) % 60, seconds % 60];
  const parts = minutesAndSeconds.map((part) => String(part).padStart(2, '0'));
  const hours = Math.floor(seconds / 3600);
  return (hours > 0 ? [hours, ...parts] : [String(Math.floor(seconds / 60)), parts[1]]).join(':');
}
