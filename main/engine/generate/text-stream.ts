import type { Tokenizer } from '../tokenizer/tokenizer.ts';

/** A character has at most four bytes, so after so many tokens without one there is none to come. */
const mostTokensOfCharacter = 4;

const replacement = '\ufffd';

/**
 * Text from tokens as they come: whole characters only, and nothing of a stop string, wherever tokens cut it. Special
 * tokens are not shown.
 */
export class TextStream {
  /** Tokens that are decoded together: those before `shown` are out, and say whether a space belongs before the rest. */
  private ids: number[] = [];
  private shown = 0;
  /** Decoded, and held back: it may become a stop string. */
  private held = '';
  private isStopped = false;

  constructor(
    private readonly tokenizer: Tokenizer,
    private readonly stops: readonly string[] = [],
  ) {}

  /** Whether a stop string has come: nothing follows. */
  get stopped(): boolean {
    return this.isStopped;
  }

  /** The text that is certain once this token is there; often empty, sometimes of several tokens. */
  push(id: number): string {
    if (this.isStopped || this.tokenizer.isSpecial(id)) return '';
    this.ids.push(id);
    const isLate = this.ids.length - this.shown >= mostTokensOfCharacter;
    const text = this.undecided();
    // The bytes of a character may still be on their way.
    return text.endsWith(replacement) && !isLate ? '' : this.take(text);
  }

  /** What was held back, when nothing follows. */
  end(): string {
    if (this.isStopped) return '';
    const rest = this.take(this.undecided()) + this.held;
    this.held = '';
    return rest;
  }

  private undecided(): string {
    return this.tokenizer.decode(this.ids).slice(this.tokenizer.decode(this.ids.slice(0, this.shown)).length);
  }

  private take(text: string): string {
    this.ids = this.ids.slice(this.shown);
    this.shown = this.ids.length;
    const all = this.held + text;
    const at = firstOf(all, this.stops);
    if (at >= 0) {
      this.isStopped = true;
      this.held = '';
      return all.slice(0, at);
    }
    const certain = all.length - longestBegun(all, this.stops);
    this.held = all.slice(certain);
    return all.slice(0, certain);
  }
}

/** Where the first of the stop strings begins; -1 where there is none. */
function firstOf(text: string, stops: readonly string[]): number {
  const places = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
  return places.length === 0 ? -1 : Math.min(...places);
}

/** Length of the longest end of the text with which a stop string begins. */
function longestBegun(text: string, stops: readonly string[]): number {
  const begun = stops.map((stop) => {
    for (let length = Math.min(stop.length - 1, text.length); length > 0; length--) {
      if (text.endsWith(stop.slice(0, length))) return length;
    }
    return 0;
  });
  return Math.max(0, ...begun);
}
