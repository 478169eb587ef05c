/** Whole bytes of a size such as 4GiB, 500MB or a plain number; NaN for what is none. */
export function sizeInBytes(size: number | string): number {
  if (typeof size === 'number') return Number.isInteger(size) ? size : NaN;
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)\s*(B|[KMG]i?B)$/i.exec(size) ?? [];
  const factors: Readonly<Record<string, number>> = {
    b: 1,
    kb: 1e3,
    mb: 1e6,
    gb: 1e9,
    kib: 2 ** 10,
    mib: 2 ** 20,
    gib: 2 ** 30,
  };
  return Math.floor(Number(amount) * (factors[unit.toLowerCase()] ?? NaN));
}
