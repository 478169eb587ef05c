/**
 * The World Factbook's entries as plain English. An entry is JSON of three levels (section, field, part), each value
 * a short text that was once HTML, with ` ++ ` where the page began a new line.
 */

/** One entry: its name and its paragraphs, the section headings among them. */
export interface CountryText {
  readonly name: string;
  readonly paragraphs: readonly string[];
}

/**
 * Above this share of digits a paragraph is a table of numbers (populations, prices, runway counts) and is left out:
 * no language model can foretell it, so it would only add noise to a perplexity. 0.1 still keeps dates, election results and percentages in prose.
 */
const maxDigitShare = 0.1;

/** "NA", "$NA", "NA%": the Factbook's mark for a number it does not have. */
const notAvailable = /^\$?NA%?(?: \(\d{4}(?: est\.)?\))?$/;

/** Parts that are addresses of machines, not language. */
const omittedParts: ReadonlySet<string> = new Set(['telephone', 'FAX']);

const namedEntities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  ndash: '-',
  mdash: ' - ',
  lsquo: "'",
  rsquo: "'",
  ldquo: '"',
  rdquo: '"',
};

/** The Factbook's editors typed these marks both ways; one way keeps a small vocabulary small. */
const plainMarks: readonly (readonly [RegExp, string])[] = [
  [/[\u2018\u2019]/g, "'"],
  [/[\u201c\u201d]/g, '"'],
  [/\u2013/g, '-'],
  [/\s*\u2014\s*/g, ' - '],
];

/** One value without tags, entities, typographic quotes, line marks and stray spaces. */
export function plainText(value: string): string {
  let text = decodeEntities(value.replace(/<\/?[a-z][^<>]*>/gi, ' '));
  for (const [mark, plain] of plainMarks) text = text.replace(mark, plain);
  return joinLines(text.split(/\+\+/))
    .replace(/\s+/g, ' ')
    .replace(/ ([;,])/g, '$1')
    .replace(/;{2,}/g, ';')
    .replace(/^[;,\s]+|[;,\s]+$/g, '');
}

/** The entry's paragraphs: a heading for each section, then one paragraph for each field. */
export function countryText(name: string, entry: unknown): CountryText {
  const paragraphs: string[] = [];
  for (const [section, fields] of entriesOf(entry)) {
    const body = entriesOf(fields)
      .map(([field, value]) => fieldParagraph(field, value))
      .filter(isProse);
    if (body.length > 0) paragraphs.push(`${name}: ${section}`, ...body);
  }
  return { name, paragraphs };
}

/** `Label: text. Part: text.`, or an empty string for a field without text. */
export function fieldParagraph(field: string, value: unknown): string {
  const parts = entriesOf(value)
    .filter(([part]) => !omittedParts.has(part))
    .map(([part, content]) => [part, plainText(textOf(part === 'text' ? value : content))] as const)
    .filter(([, text]) => text !== '' && !notAvailable.test(text));
  const onlyPart = parts.length === 1;
  const sentences = parts.map(([part, text]) =>
    part === 'text' || (onlyPart && part === 'other')
      ? sentence(text)
      : `${capitalized(label(part))}: ${sentence(text)}`,
  );
  return sentences.length === 0 ? '' : `${label(field)}: ${sentences.join(' ')}`;
}

/** False for an empty paragraph, a table of numbers, and a paragraph with a letter lost in the source. */
export function isProse(paragraph: string): boolean {
  const digitCount = paragraph.match(/[0-9]/g)?.length ?? 0;
  return paragraph !== '' && digitCount <= maxDigitShare * paragraph.length && !paragraph.includes('\ufffd');
}

function decodeEntities(text: string): string {
  return text.replace(/&(#x[0-9a-f]{1,6}|#[0-9]{1,7}|[a-z]{2,6});/gi, (entity, name: string) => {
    if (!name.startsWith('#')) return namedEntities[name.toLowerCase()] ?? entity;
    const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10);
    return code <= 0x10ffff ? String.fromCodePoint(code) : entity;
  });
}

/** Lines become one text; a line that ends without a mark is closed with a semicolon, as the Factbook's own lists are. */
function joinLines(lines: readonly string[]): string {
  return lines
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .reduce((text, line) => {
      if (text === '') return line;
      return /[.!?:;,-]$/.test(text) || line.startsWith('(') ? `${text} ${line}` : `${text}; ${line}`;
    }, '');
}

function label(name: string): string {
  return plainText(name).replaceAll(' - ', ', ');
}

function capitalized(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function sentence(text: string): string {
  return /[.!?]["')]?$/.test(text) ? text : `${text}.`;
}

function textOf(value: unknown): string {
  const text = typeof value === 'object' && value !== null && 'text' in value ? value.text : undefined;
  return typeof text === 'string' ? text : '';
}

function entriesOf(value: unknown): (readonly [string, unknown])[] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}
