/** Text as Python handles it: the harness's prompts are made with these, to the character. */

/** What str.isspace says of a character; JavaScript's \s lacks the separators and has the byte order mark. */
const space = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const leading = new RegExp(`^${space}+`);
const trailing = new RegExp(`${space}+$`);

export const lstrip = (text: string): string => text.replace(leading, '');
export const rstrip = (text: string): string => text.replace(trailing, '');
export const strip = (text: string): string => rstrip(lstrip(text));

/** str.capitalize: the first character in title case, all others small; a sigma that ends a word as ς. */
export function capitalize(text: string): string {
  const [first = ''] = text;
  // What a sigma becomes depends on what stands before it.
  return titleCase(first) + text.toLowerCase().slice(first.toLowerCase().length);
}

/** Digraphs of two letters, of which the first alone is large in title case. */
const digraphs = ['Ǆǅǆ', 'Ǉǈǉ', 'Ǌǋǌ', 'Ǳǲǳ'];
/** Ligatures and ß, whose large form is two or three letters. */
const ligature = /[ßև\ufb00-\ufb06\ufb13-\ufb17]/;
const georgian = /[\u10d0-\u10ff]/;
const iotaSubscript = '\u0345';

/** The large form of a character, where only its first letter is to be large; Unicode, SpecialCasing.txt. */
function titleCase(character: string): string {
  if (character === '') return '';
  const digraph = digraphs.find((forms) => forms.includes(character));
  if (digraph !== undefined) return digraph[1];
  if (georgian.test(character)) return character;
  const large = character.toUpperCase();
  if (ligature.test(character)) return large[0] + large.slice(1).toLowerCase();
  const apart = character.normalize('NFD');
  if (apart.length === 1 || !apart.includes(iotaSubscript)) return large;
  const written = apart.replace(iotaSubscript, '').normalize('NFC').toUpperCase() + iotaSubscript;
  const whole = written.normalize('NFC');
  return whole.length === 1 ? whole : written;
}

/** len: code points, not UTF-16 units. */
export const lengthOf = (text: string): number => Array.from(text).length;
