import type { SpecialToken } from './special-tokens.ts';
import { escaped, isWhiteSpace, trimmed } from './strip-around-tokens.ts';

/** A piece of a text: a token, or what is between tokens. */
export interface Cut {
  readonly text: string;
  readonly token?: SpecialToken | undefined;
}

/**
 * Cuts a text at tokens as transformers' own tokenizers do (4.40, tokenization_utils.py, `tokenize`): at one place the
 * longest is meant. Then, from left to right, a token takes the white space that it claims, and one that must stand by
 * itself and does not is put to its neighbour, even where that is another token.
 */
export function cutterAt(tokens: readonly SpecialToken[]): (text: string) => readonly Cut[] {
  const cutAt = cutterAtPlaces(tokens);
  const byContent = new Map(
    tokens.filter(({ onlyBehind }) => onlyBehind === undefined).map((token) => [token.content, token]),
  );
  const changed = (cut: Cut, text: string): Cut =>
    text === cut.text ? cut : { text, token: byContent.get(text) };
  return (whole) => {
    const cuts = cutAt(whole);
    for (const i of cuts.keys()) {
      const { token, text } = cuts[i];
      if (token === undefined) continue;
      const left = i > 0 ? cuts[i - 1].text : '';
      const right = i + 1 < cuts.length ? cuts[i + 1].text : '';
      if (token.rstrip && right !== '')
        cuts[i + 1] = changed(cuts[i + 1], trimmed(right, true, false, isPythonSpace));
      if (token.lstrip && left !== '')
        cuts[i - 1] = changed(cuts[i - 1], trimmed(left, false, true, isPythonSpace));
      if (!token.singleWord) continue;
      if (left !== '' && !left.endsWith(' ')) {
        cuts[i - 1] = changed(cuts[i - 1], cuts[i - 1].text + text);
        cuts[i] = nothing;
      } else if (right !== '' && !right.startsWith(' ')) {
        cuts[i + 1] = changed(cuts[i + 1], text + cuts[i + 1].text);
        cuts[i] = nothing;
      }
    }
    return cuts.filter(({ text }) => text !== '');
  };
}

const nothing: Cut = { text: '' };

/** Python's idea of white space, which is Unicode's and four control characters. */
const isPythonSpace = (character: string): boolean =>
  isWhiteSpace(character) || (character >= '\u001c' && character <= '\u001f');

function cutterAtPlaces(tokens: readonly SpecialToken[]): (text: string) => Cut[] {
  if (tokens.length === 0) return (text) => [{ text }];
  const byContent = new Map(tokens.map((token) => [token.content, token]));
  const patterns = tokens
    .toSorted((a, b) => b.content.length - a.content.length)
    .map(({ content, onlyBehind }) =>
      onlyBehind === undefined ? escaped(content) : `(?<=${escaped(onlyBehind)})${escaped(content)}`,
    );
  const anyToken = new RegExp(patterns.join('|'), 'g');
  return (text) => {
    const cuts: Cut[] = [];
    let at = 0;
    for (const { 0: content, index } of text.matchAll(anyToken)) {
      if (index > at) cuts.push({ text: text.slice(at, index) });
      cuts.push({ text: content, token: byContent.get(content) });
      at = index + content.length;
    }
    if (at < text.length) cuts.push({ text: text.slice(at) });
    return cuts;
  };
}
