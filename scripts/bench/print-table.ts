/** Prints a table: the first column left-aligned, the others right-aligned, the first row a heading. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ');
  const [head, ...body] = rows.map(line);
  process.stdout.write(`${[head, '-'.repeat(head.length), ...body].join('\n')}\n`);
}
