/** A row of numbers: what it is called, and how they were measured, in a line. */
interface NamedRow {
  readonly label: string;
  readonly protocol: string;
}

/** What of its protocol tells each row from others that are called the same; empty where none is, or nothing does. */
export function toldApart(rows: readonly NamedRow[]): string[] {
  return rows.map((row) => {
    const others = rows.filter((other) => other !== row && other.label === row.label);
    if (others.length === 0) return '';
    const isOwn = (part: string): boolean => !others.every((other) => partsOf(other).includes(part));
    return partsOf(row).filter(isOwn).join(' · ');
  });
}

/** Protocols are written with commas, and with dots before what else tells them apart. */
const partsOf = ({ protocol }: NamedRow): string[] => protocol.split(/, |，| · /);
