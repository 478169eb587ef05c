import { characterEnd, type PieceTrie } from './piece-trie.ts';
import { spaceMark } from './schema.ts';
import type { NormalizerSpec } from './sentence-piece-model.ts';
import { invalid } from './tokenizer-files.ts';

/** What a text becomes before it is cut into pieces; `withPrefix`: whether the model's space in front is wanted. */
export type Normalize = (text: string, withPrefix: boolean) => string;

/**
 * Normalises as SentencePiece does (normalizer.cc): replacements by the longest match, user-defined pieces left as they
 * are, spaces marked, and, where the model says so, a space in front and no space doubled or at an end.
 */
export function normalizerOf(spec: NormalizerSpec, userDefined: PieceTrie, path: string): Normalize {
  const { addDummyPrefix, removeExtraWhitespaces: isCollapsing } = spec;
  const map = spec.charsMap.length === 0 ? undefined : new CharsMap(spec.charsMap, path);
  const prefixAt = (text: string, at: number): readonly [normal: string, end: number] => {
    const end = userDefined.longest(text, at);
    if (end > at) return [text.slice(at, end), end];
    return map?.longest(text, at) ?? oneCharacter(text, at);
  };
  return (text, withPrefix) => {
    if (map === undefined && !isCollapsing) {
      const marked = text.replaceAll(' ', spaceMark);
      return withPrefix && addDummyPrefix && text !== '' ? spaceMark + marked : marked;
    }
    const parts: string[] = [];
    let at = 0;
    let isAfterSpace = isCollapsing;
    while (at < text.length) {
      const [normal, end] = prefixAt(text, at);
      const kept = isAfterSpace ? normal.replace(/^ +/, '') : normal;
      if (kept !== '') parts.push(kept.replaceAll(' ', spaceMark));
      if (isCollapsing && kept !== '') isAfterSpace = kept.endsWith(' ');
      at = end;
    }
    const isEmpty = isCollapsing ? parts.length === 0 : text === '';
    const normalized = (withPrefix && addDummyPrefix && !isEmpty ? spaceMark : '') + parts.join('');
    // A text of nothing but marks loses the one in front too.
    return isCollapsing ? normalized.replace(trailingMarks, '') : normalized;
  };
}

const trailingMarks = new RegExp(`${spaceMark}+$`);

function oneCharacter(text: string, at: number): readonly [string, number] {
  const end = characterEnd(text, at);
  return [text.slice(at, end), end];
}

/**
 * A precompiled map of characters: the size of a trie in bytes, the trie (a double array of darts-clone, over UTF-8),
 * and the replacements, each ended by a zero byte.
 */
class CharsMap {
  private readonly units: Uint32Array;
  private readonly replacements: Uint8Array;
  private readonly known = new Map<number, string>();

  constructor(bytes: Uint8Array, path: string) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const trieBytes = bytes.byteLength < 4 ? -1 : view.getUint32(0, true);
    if (trieBytes <= 0 || trieBytes % 4 !== 0 || 4 + trieBytes > bytes.byteLength) {
      throw invalid(path, 'its map of characters is damaged');
    }
    this.units = Uint32Array.from({ length: trieBytes / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
    this.replacements = bytes.subarray(4 + trieBytes);
  }

  /** The replacement of the longest match that begins at `start`; undefined where nothing matches. */
  longest(text: string, start: number): readonly [normal: string, end: number] | undefined {
    const { units } = this;
    let node = offsetOf(units[0]);
    let found: number | undefined;
    let foundEnd = start;
    for (let at = start; at < text.length;) {
      const code = text.codePointAt(at) ?? 0;
      const end = at + (code > 0xffff ? 2 : 1);
      for (const byte of utf8(code)) {
        node ^= byte;
        if (node >= units.length || (units[node] & 0x800000ff) >>> 0 !== byte)
          return this.result(found, foundEnd);
        const unit = units[node];
        node ^= offsetOf(unit);
        if ((unit >>> 8) & 1) {
          if (node >= units.length) return this.result(found, foundEnd);
          found = units[node] & 0x7fffffff;
          foundEnd = end;
        }
      }
      at = end;
    }
    return this.result(found, foundEnd);
  }

  private result(found: number | undefined, end: number): readonly [string, number] | undefined {
    return found === undefined ? undefined : [this.replacement(found), end];
  }

  private replacement(offset: number): string {
    const known = this.known.get(offset);
    if (known !== undefined) return known;
    const end = this.replacements.indexOf(0, offset);
    const bytes = this.replacements.subarray(offset, end < 0 ? undefined : end);
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
    this.known.set(offset, text);
    return text;
  }
}

/** Of a double array's unit: what its children's places are counted from. */
function offsetOf(unit: number): number {
  return ((unit >>> 10) << ((unit & 0x200) >>> 6)) >>> 0;
}

function utf8(code: number): readonly number[] {
  const last = (shift: number): number => 0x80 | ((code >> shift) & 0x3f);
  if (code < 0x80) return [code];
  if (code < 0x800) return [0xc0 | (code >> 6), last(0)];
  if (code < 0x10000) return [0xe0 | (code >> 12), last(6), last(0)];
  return [0xf0 | (code >> 18), last(12), last(6), last(0)];
}
