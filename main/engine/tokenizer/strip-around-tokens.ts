/** An added token, as far as the white space around it goes. */
export interface StrippingToken {
  readonly content: string;
  /** White space before the token belongs to it. */
  readonly lstrip: boolean;
  /** White space after the token belongs to it. */
  readonly rstrip: boolean;
}

/**
 * Takes out of a text the white space that added tokens claim. The tokenizer library would do it with JavaScript's
 * trim, which takes U+FEFF for white space and U+0085 not; Unicode, and with it the Rust library, has it the other way.
 */
export function strippingAround(tokens: readonly StrippingToken[]): (text: string) => string {
  if (!tokens.some((token) => token.lstrip || token.rstrip)) return (text) => text;
  const byContent = new Map(tokens.map((token) => [token.content, token]));
  // At one place the longest token is meant.
  const contents = [...byContent.keys()].toSorted((a, b) => b.length - a.length).map(escaped);
  const anyToken = new RegExp(contents.join('|'), 'g');
  return (text) => {
    const pieces: string[] = [];
    let start = 0;
    let stripsStart = false;
    for (const { 0: content, index } of text.matchAll(anyToken)) {
      const token = byContent.get(content);
      pieces.push(trimmed(text.slice(start, index), stripsStart, token?.lstrip ?? false), content);
      start = index + content.length;
      stripsStart = token?.rstrip ?? false;
    }
    pieces.push(trimmed(text.slice(start), stripsStart, false));
    return pieces.join('');
  };
}

const whiteSpace = /^\p{White_Space}$/u;

export const isWhiteSpace = (character: string): boolean => whiteSpace.test(character);

/** A text without the white space at its ends, as far as asked for. */
export function trimmed(text: string, atStart: boolean, atEnd: boolean, isSpace = isWhiteSpace): string {
  let start = 0;
  let end = text.length;
  while (atStart && start < end && isSpace(text.charAt(start))) start++;
  while (atEnd && end > start && isSpace(text.charAt(end - 1))) end--;
  return text.slice(start, end);
}

/** A text as a regular expression that matches it alone. */
export function escaped(content: string): string {
  return content.replace(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
}
