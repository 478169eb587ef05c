const factors: Readonly<Record<string, number>> = { k: 1e3, m: 1e6, g: 1e9, b: 1e9 };

/** A number as people write it: 5,389,416,396, 5.4B or 135 M; NaN for what is none. */
export function readAmount(written: string | undefined): number {
  const [, digits, unit = ''] = /^([\d.,\s]*\d[\d.,\s]*)([kmgb]?)$/i.exec((written ?? '').trim()) ?? [];
  if (digits === undefined) return NaN;
  return Number(digits.replace(/[,\s]/g, '')) * (factors[unit.toLowerCase()] ?? 1);
}
