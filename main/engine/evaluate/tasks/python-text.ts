/** Text as Python handles it: the harness's prompts are made with these, to the character. */

/** What str.isspace says of a character; JavaScript's \s lacks the separators and has the byte order mark. */
const space = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const leading = new RegExp(`^${space}+`);
const trailing = new RegExp(`${space}+$`);

export const lstrip = (text: string): string => text.replace(leading, '');
export const rstrip = (text: string): string => text.replace(trailing, '');
export const strip = (text: string): string => rstrip(lstrip(text));

/** str.capitalize: the first letter large, all others small. */
export function capitalize(text: string): string {
  const [first = ''] = text;
  return first.toUpperCase() + text.slice(first.length).toLowerCase();
}

/** len: code points, not UTF-16 units. */
export const lengthOf = (text: string): number => Array.from(text).length;
