import type { Comparison } from './comparison.ts';
import { qualityChart, tasksChart, widthsChart } from './comparison-charts.ts';
import { arrows, numbersTable, recipesTable, sourcesOf, type PlainTable } from './comparison-text.ts';
import type { WrittenComparison } from './written-comparison.ts';
import { escapeMarkup } from './markup.ts';

/** A page of its own: nothing is fetched, nothing runs, and light and dark are both there. */
export function toHtml(comparison: Comparison, written: WrittenComparison): string {
  const { words } = written;
  const recipes = recipesTable(written);
  const charts = [
    tasksChart(comparison, words),
    qualityChart(comparison, words),
    widthsChart(comparison, 'heads', words),
    widthsChart(comparison, 'mlpWidth', words),
  ].filter((chart) => chart !== null);
  const sources = sourcesOf(written).map((source) => `<li>${escapeMarkup(source)}</li>`);
  return `<!doctype html>
<html lang="${words.locale}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>${escapeMarkup(words.title)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escapeMarkup(words.title)}</h1>
<p>${escapeMarkup(words.against)}</p>
<h2>${escapeMarkup(words.numbers)}</h2>
${numbers(numbersTable(written), written)}
${written.notes.map((note) => `<small>${escapeMarkup(note)}</small>`).join('\n')}
${charts.length > 0 ? `<h2>${escapeMarkup(words.charts)}</h2>\n<div class="charts">\n${charts.join('\n')}\n</div>` : ''}
${recipes.body.length > 0 ? `<h2>${escapeMarkup(words.recipes)}</h2>\n${plain(recipes)}` : ''}
${sources.length > 0 ? `<h2>${escapeMarkup(words.published)}</h2>\n<ul>${sources.join('')}</ul>` : ''}
<footer>${escapeMarkup(words.made)}</footer>
</body>
</html>
`;
}

function numbers({ head }: PlainTable, { rows, words }: WrittenComparison): string {
  const body = rows.map(({ label, protocol, cells }) => {
    const name = `${escapeMarkup(label)}${protocol === '' ? '' : `<small>${escapeMarkup(protocol)}</small>`}`;
    const numbersOf = cells.map(({ value, change, verdict }) => {
      const said = verdict === null ? '' : ` title="${escapeMarkup(words.verdicts[verdict])}"`;
      const arrow = verdict === null ? '' : `${arrows[verdict]} `;
      const difference =
        change === '' ? '' : `<small class="${verdict ?? ''}"${said}>${arrow}${escapeMarkup(change)}</small>`;
      return `<td>${escapeMarkup(value)}${difference}</td>`;
    });
    return `<tr><th scope="row">${name}</th>${numbersOf.join('')}</tr>`;
  });
  return table(head, body);
}

function plain({ head, body }: PlainTable): string {
  const lines = body.map(([first, ...cells]) => {
    const others = cells.map((cell) => `<td class="words">${escapeMarkup(cell)}</td>`).join('');
    return `<tr><th scope="row">${escapeMarkup(first)}</th>${others}</tr>`;
  });
  return table(head, lines);
}

function table([first, ...names]: readonly string[], body: readonly string[]): string {
  const columns = names.map((name) => `<th scope="col">${escapeMarkup(name)}</th>`).join('');
  return `<div class="scroll"><table><thead><tr><td>${escapeMarkup(first)}</td>${columns}</tr></thead>
<tbody>
${body.join('\n')}
</tbody></table></div>`;
}

const style = `
:root { color-scheme: light dark; --text: #1a1d20; --quiet: #545b63; --page: #fff; --line: #d9dcdf;
  --better: #0b6b74; --worse: #a8456f;
  --s0: #868d95; --s1: #0b6b74; --s2: #a8456f; --s3: #7d5300; --s4: #4c2a6e; --s5: #226b3a; }
@media (prefers-color-scheme: dark) { :root { --text: #e8eaec; --quiet: #a7aeb6; --page: #1b1e21; --line: #33383d;
  --better: #57c2cc; --worse: #ec8fb0;
  --s0: #8b929a; --s1: #57c2cc; --s2: #ec8fb0; --s3: #e8b860; --s4: #b48ad6; --s5: #7cc993; } }
body { margin: 24px; background: var(--page); color: var(--text);
  font: 14px/1.45 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'PingFang SC', 'Microsoft YaHei', sans-serif; }
h1 { font-size: 20px; } h2 { margin-top: 24px; font-size: 16px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 12px; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
th { font-weight: 400; } thead th { color: var(--quiet); vertical-align: bottom; }
th:first-child, td:first-child, td.words { text-align: left; }
td.words { overflow-wrap: anywhere; }
small { display: block; color: var(--quiet); font-size: 12px; }
small.better { color: var(--better); } small.worse { color: var(--worse); }
.charts { display: flex; flex-wrap: wrap; gap: 24px; }
figure { margin: 0; } figcaption { font-weight: 600; }
svg text { fill: var(--text); font-size: 12px; } svg .quiet { fill: var(--quiet); }
svg .axis { stroke: var(--line); } svg .error { fill: none; stroke: var(--text); }
${[0, 1, 2, 3, 4, 5].map((i) => `.s${i} { fill: var(--s${i}); } .l${i} { fill: none; stroke: var(--s${i}); stroke-width: 2; }`).join('\n')}
footer { margin-top: 32px; color: var(--quiet); font-size: 12px; }
`;
