import { invalidRow } from '../../dataset/records.ts';
import type { TokenTree } from '../../families/family.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { rstrip } from './python-text.ts';
import type { Question } from './questions.ts';

/** Where a model is asked for the probability of a token: after a token of a tree. */
export interface Reading {
  readonly node: number;
  readonly token: number;
}

/** What a model reads for one question: all of its choices as one tree. */
export interface QuestionTree extends TokenTree {
  readonly ids: Int32Array;
  /** For each choice, the tokens of its continuation. */
  readonly readings: readonly (readonly Reading[])[];
}

/** Tokens of a context and of what follows it. */
interface EncodedPair {
  readonly tokens: readonly number[];
  readonly continuationLength: number;
}

/**
 * Encodes the choices of questions as the harness does (`TemplateLM._encode_pair`): spaces at the end of the
 * context go to the continuation, which is what the whole has beyond the context's tokens. What is longer than the model can
 * see loses its beginning.
 */
export class RequestEncoder {
  private readonly known = new Map<string, number[]>();

  constructor(
    private readonly tokenizer: Tokenizer,
    /** Tokens that a model sees at most. */
    private readonly maxPositions: number,
    /** Whether the tokenizer's own tokens, BOS, stand in front. */
    private readonly addSpecialTokens: boolean,
  ) {}

  /** @throws EngineError row-invalid where a choice has no token, or more than the model can see. */
  encode({ pairs, row }: Question): QuestionTree {
    this.known.clear();
    const encoded = pairs.map(({ context, continuation }) => {
      const pair = this.encodePair(context, continuation);
      const { tokens, continuationLength } = pair;
      if (continuationLength >= 1 && continuationLength <= this.maxPositions && tokens.length >= 2)
        return pair;
      const expected = `a choice of 1 to ${this.maxPositions} tokens after a question`;
      throw invalidRow(row.path, row.place, expected, continuation);
    });
    return asTree(encoded, this.maxPositions);
  }

  private encodePair(context: string, continuation: string): EncodedPair {
    const { addSpecialTokens } = this;
    const before = rstrip(context);
    const whole = this.tokenizer.encode(context + continuation, { addSpecialTokens });
    const known = this.known.get(before) ?? this.tokenizer.encode(before, { addSpecialTokens });
    this.known.set(before, known);
    const following = whole.slice(known.length);
    return { tokens: [...known, ...following], continuationLength: following.length };
  }
}

/** The last token of each is only asked for, never read. */
function asTree(pairs: readonly EncodedPair[], maxPositions: number): QuestionTree {
  const ids: number[] = [];
  const parents: number[] = [];
  const positions: number[] = [];
  const rows: { readonly read: readonly number[]; readonly nodes: readonly number[] }[] = [];
  const readings = pairs.map(({ tokens, continuationLength }) => {
    const kept = tokens.slice(-(maxPositions + 1));
    const read = kept.slice(0, -1);
    const shared = longestShared(rows, read);
    const nodes = [...shared];
    for (let i = shared.length; i < read.length; i++) {
      parents.push(i === 0 ? -1 : nodes[i - 1]);
      positions.push(i);
      nodes.push(ids.push(read[i]) - 1);
    }
    rows.push({ read, nodes });
    return kept
      .slice(-continuationLength)
      .map((token, i) => ({ node: nodes[nodes.length - continuationLength + i], token }));
  });
  return {
    ids: Int32Array.from(ids),
    parents: Int32Array.from(parents),
    positions: Int32Array.from(positions),
    readings,
  };
}

/** Nodes of the longest beginning that one of the rows before has in common with a row. */
function longestShared(
  rows: readonly { readonly read: readonly number[]; readonly nodes: readonly number[] }[],
  read: readonly number[],
): readonly number[] {
  let longest: readonly number[] = [];
  for (const row of rows) {
    const differing = read.findIndex((token, i) => token !== row.read[i]);
    const length = differing === -1 ? read.length : differing;
    if (length > longest.length) longest = row.nodes.slice(0, length);
  }
  return longest;
}
