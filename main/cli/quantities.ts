/** 6738415616 as 6,738,415,616. */
export const grouped = (value: number): string => Math.round(value).toLocaleString('en-US');

/** Multiply-accumulates in units of 10⁹, as the paper gives them, or of 10⁶ for a small model. */
export const scaledMacs = (macs: number): string =>
  macs < 1e9 ? `${(macs / 1e6).toFixed(2)} M` : `${(macs / 1e9).toFixed(2)} G`;

export const mebibytes = (bytes: number): string =>
  `${(bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 2 : 1)} MiB`;

export const percent = (fraction: number): string => `${(100 * fraction).toFixed(1)} %`;

/** With a sign: what a number became, relative to what it was. */
export function change(before: number, after: number): string {
  const relative = after / before - 1;
  return `${relative > 0 ? '+' : relative < 0 ? '−' : '±'}${Math.abs(100 * relative).toFixed(1)} %`;
}

/** 75,000 ms as 1:15. */
export function clock(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, '0'));
  const hours = Math.floor(seconds / 3600);
  return hours > 0 ? `${hours}:${parts.join(':')}` : parts.join(':');
}
