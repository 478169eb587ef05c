/** A percentage as people write it: 25, 25,5 or, as the recipe has it, 0.25. */
export function readPercent(written: string | undefined): number {
  const number = Number((written ?? '').replace(',', '.').replace('%', '').trim());
  return number > 0 && number < 1 ? Math.round(number * 1000) / 10 : number;
}
