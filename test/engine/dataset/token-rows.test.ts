import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Documents } from '../../../main/engine/dataset/documents.ts';
import {
  calibrationRows as drawCalibration,
  evaluationTokens,
  type TokenSource,
} from '../../../main/engine/dataset/token-rows.ts';
import { loadTokenizer, type Tokenizer } from '../../../main/engine/tokenizer/tokenizer.ts';
import { rejection } from '../checkpoint/rejection.ts';

/** One token a character, its code; a mark at the start as a tokenizer's bos. */
const byCharacter: Tokenizer = {
  vocabSize: 128,
  surrounding: { before: [1], after: [] },
  encode: (text) => [1, ...Array.from(text, (character) => character.charCodeAt(0))],
  isSpecial: () => false,
  decode: (ids) => String.fromCharCode(...ids),
};

function source(documents: Documents, vocabSize = 128): TokenSource {
  return { path: 'data.jsonl', documents, vocabSize, tokenizer: async () => byCharacter };
}

/** A tokenizer that is not there: rows of ids do not ask for it. */
const rowsOfIds = (rows: readonly (readonly number[])[]): TokenSource => ({
  path: 'rows.jsonl',
  documents: { kind: 'ids', rows },
  vocabSize: 100,
  tokenizer: () => Promise.reject(new Error('no tokenizer was needed')),
});

const calibrationRows = async (...asked: Parameters<typeof drawCalibration>): Promise<number[][]> =>
  (await drawCalibration(...asked)).rows;

const sampling = { samples: null, seqLen: 4, seed: 42 };

describe('calibration rows of ids', () => {
  const rows = [[5, 4, 3], [9], [1, 2, 3, 4, 5, 6], [99, 0]];

  it('are used as they are: all, in order, whatever the sequence length and the seed', async () => {
    expect(await calibrationRows(rowsOfIds(rows), sampling)).toEqual(rows);
    expect(await calibrationRows(rowsOfIds(rows), { samples: null, seqLen: 100, seed: 7 })).toEqual(rows);
  });

  it('are fewer where fewer samples are asked for, and never more than there are', async () => {
    expect(await calibrationRows(rowsOfIds(rows), { ...sampling, samples: 2 })).toEqual(rows.slice(0, 2));
    expect(await calibrationRows(rowsOfIds(rows), { ...sampling, samples: 50 })).toEqual(rows);
  });

  it('are the next ones at every step, from the first again behind the last', async () => {
    const two = { ...sampling, samples: 2 };
    const of = (draw: number): Promise<number[][]> => calibrationRows(rowsOfIds(rows.slice(0, 3)), two, draw);
    expect(await of(0)).toEqual([rows[0], rows[1]]);
    expect(await of(1)).toEqual([rows[2], rows[0]]);
    expect(await of(2)).toEqual([rows[1], rows[2]]);
    expect(await calibrationRows(rowsOfIds(rows), sampling, 5)).toHaveLength(rows.length);
  });

  it('must be ids of the model, as far as they are used', async () => {
    const error = await rejection(calibrationRows(rowsOfIds([[1], [100]]), sampling));
    expect(error.code).toBe('tokenizer-mismatch');
    expect(error.message).toBe('The model has embeddings for 100 tokens, but rows.jsonl gave the id 100.');
    expect(await calibrationRows(rowsOfIds([[1], [100]]), { ...sampling, samples: 1 })).toEqual([[1]]);
  });
});

describe('calibration rows of texts', () => {
  const texts = ['abcdefghij', 'xy', 'KLMNOPQRSTUVW', 'z'];
  const data = source({ kind: 'texts', texts });
  const windowsOf = (row: readonly number[]): number =>
    texts.filter((text) => byCharacter.decode(byCharacter.encode(text)).includes(byCharacter.decode(row)))
      .length;

  it('are windows of texts that are long enough', async () => {
    const rows = await calibrationRows(data, { ...sampling, samples: 60 });
    expect(rows).toHaveLength(60);
    for (const row of rows) {
      expect(row).toHaveLength(4);
      expect(windowsOf(row)).toBe(1);
    }
    // Both long texts, and windows at several places, both ends among them.
    const seen = new Set(rows.map((row) => byCharacter.decode(row)));
    for (const window of ['\u0001abc', 'ghij', '\u0001KLM', 'TUVW']) expect(seen).toContain(window);
  });

  it('are ten unless asked otherwise, repeatable, and others for another seed', async () => {
    const rows = await calibrationRows(data, sampling);
    expect(rows).toHaveLength(10);
    expect(await calibrationRows(data, sampling)).toEqual(rows);
    expect(await calibrationRows(data, { ...sampling, seed: 43 })).not.toEqual(rows);
  });

  it('are others at every step, each repeatable', async () => {
    const drawn = await Promise.all([0, 1, 2].map((draw) => calibrationRows(data, sampling, draw)));
    expect(drawn[0]).toEqual(await calibrationRows(data, sampling));
    expect(drawn[1]).toEqual(await calibrationRows(data, sampling, 1));
    expect(new Set(drawn.map((rows) => JSON.stringify(rows))).size).toBe(3);
  });

  it('begin with the same rows when more are drawn', async () => {
    const more = await calibrationRows(data, { ...sampling, samples: 25 });
    expect(more.slice(0, 10)).toEqual(await calibrationRows(data, sampling));
  });

  it('may be as long as the longest text, and no longer', async () => {
    expect(await calibrationRows(data, { ...sampling, samples: 1, seqLen: 14 })).toEqual([
      byCharacter.encode('KLMNOPQRSTUVW'),
    ]);
    const error = await rejection(calibrationRows(data, { ...sampling, seqLen: 15 }));
    expect(error.code).toBe('text-too-short');
    expect(error.message).toBe('data.jsonl: a calibration row needs 15 tokens, but the longest text has 14.');
  });

  it('must be of a tokenizer that fits the model', async () => {
    const error = await rejection(calibrationRows(source({ kind: 'texts', texts }, 50), sampling));
    expect(error.code).toBe('tokenizer-mismatch');
    expect(error.message).toMatch(
      /^The model has embeddings for 50 tokens, but the tokenizer gave the id \d+\.$/,
    );
  });
});

describe('calibration rows of one running text', () => {
  const text = Array.from({ length: 60 }, (_, i) => String.fromCharCode(33 + i)).join('');

  it('are windows of it, repeatable', async () => {
    const data = source({ kind: 'text', text });
    const rows = await calibrationRows(data, { ...sampling, seqLen: 8 });
    expect(rows).toHaveLength(10);
    for (const row of rows) expect(`\u0001${text}`).toContain(byCharacter.decode(row));
    expect(new Set(rows.map((row) => row[0])).size).toBeGreaterThan(4);
    expect(await calibrationRows(data, { ...sampling, seqLen: 8 })).toEqual(rows);
  });

  it('need as many tokens as a row has', async () => {
    const error = await rejection(
      calibrationRows(source({ kind: 'text', text: 'abc' }), { ...sampling, seqLen: 5 }),
    );
    expect(error.code).toBe('text-too-short');
    expect(error.facts).toMatchObject({ seqLen: 5, found: 4 });
  });
});

describe('evaluation tokens', () => {
  it('of rows of ids are the rows one after the other, all or the first', async () => {
    const rows = [[5, 4, 3], [9], [1, 2]];
    expect([...(await evaluationTokens(rowsOfIds(rows), null))]).toEqual([5, 4, 3, 9, 1, 2]);
    expect([...(await evaluationTokens(rowsOfIds(rows), 2))]).toEqual([5, 4, 3, 9]);
    expect((await rejection(evaluationTokens(rowsOfIds([[1], [100]]), null))).code).toBe(
      'tokenizer-mismatch',
    );
    expect([...(await evaluationTokens(rowsOfIds([[1], [100]]), 1))]).toEqual([1]);
  });

  it('of texts are those of the texts joined by two newlines, tokenised once', async () => {
    const data = source({ kind: 'texts', texts: ['one', '', 'two', 'three'] });
    expect([...(await evaluationTokens(data, null))]).toEqual(byCharacter.encode('one\n\n\n\ntwo\n\nthree'));
    expect([...(await evaluationTokens(data, 3))]).toEqual(byCharacter.encode('one\n\n\n\ntwo'));
  });

  it('of a running text are those of the whole text', async () => {
    expect([...(await evaluationTokens(source({ kind: 'text', text: 'a\r\nb' }), 1))]).toEqual(
      byCharacter.encode('a\r\nb'),
    );
  });

  it('agree with the demo tokenizer over a joint that a merge could cross', async () => {
    const tokenizer = await loadTokenizer(path.resolve('resources/demo/model'));
    const texts = ['The islands lie', 'Background: surrounded'];
    const found = await evaluationTokens(
      { ...source({ kind: 'texts', texts }, tokenizer.vocabSize), tokenizer: async () => tokenizer },
      null,
    );
    expect(tokenizer.decode([...found])).toContain(texts.join('\n\n'));
    expect([...found]).toEqual(tokenizer.encode(texts.join('\n\n')));
  });
});

describe('rows of a model that writes behind marks', () => {
  const marked: Tokenizer = {
    ...byCharacter,
    encode: (text, { addSpecialTokens = true } = {}) => [
      ...Array.from(text, (character) => character.charCodeAt(0)),
      ...(addSpecialTokens ? [4, 5] : []),
    ],
    marks: { ids: [4, 5], place: 'after' },
  };
  const of = (documents: Documents, tokenizer = marked): TokenSource => ({
    ...source(documents),
    eosId: 2,
    tokenizer: async () => tokenizer,
  });
  const dialogues = [
    { context: 'question', reply: 'yes' },
    { context: 'q', reply: 'a long answer' },
    { context: 'q', reply: ' ' },
  ];
  const texts = dialogues.map(({ context, reply }) => context + reply);
  const shown = ({ rows }: Awaited<ReturnType<typeof drawCalibration>>): string[] =>
    rows.map((ids) =>
      byCharacter.decode(ids).replaceAll('\u0004', '(').replaceAll('\u0005', ')').replaceAll('\u0002', '$'),
    );

  it('are windows of a text, each behind the marks, and only the text is predicted', async () => {
    const found = await drawCalibration(of({ kind: 'text', text: 'abcdefgh' }), { ...sampling, samples: 5 });
    for (const row of shown(found)) expect(row).toMatch(/^\(\)[a-h]{4}$/);
    expect(found.learnt).toEqual(found.rows.map(() => Uint8Array.of(0, 0, 1, 1, 1, 1)));
  });

  it('are dialogues, drawn without putting them back: the end of a context, marks, and the reply that is predicted', async () => {
    const found = await drawCalibration(of({ kind: 'texts', texts, dialogues }), { ...sampling, seqLen: 8 });
    expect(shown(found).sort()).toEqual(['q()a long ', 'tion()yes$']);
    found.rows.forEach((ids, i) => {
      expect([...(found.learnt?.[i] ?? [])]).toEqual(ids.map((_, at) => (at > ids.indexOf(5) ? 1 : 0)));
    });
    const one = await drawCalibration(of({ kind: 'texts', texts, dialogues }), { ...sampling, samples: 1 });
    expect(one.rows).toHaveLength(1);
  });

  it('have the marks in front, where the tokenizer has them there', async () => {
    const inFront: Tokenizer = { ...marked, marks: { ids: [4, 5], place: 'before' } };
    const found = await drawCalibration(
      of({ kind: 'texts', texts: texts.slice(0, 1), dialogues: dialogues.slice(0, 1) }, inFront),
      { ...sampling, seqLen: 8 },
    );
    expect(shown(found)).toEqual(['()tionyes$']);
    expect([...(found.learnt?.[0] ?? [])]).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
  });

  it('need a reply', async () => {
    const empty = { kind: 'texts' as const, texts: texts.slice(2), dialogues: dialogues.slice(2) };
    expect((await rejection(drawCalibration(of(empty), sampling))).code).toBe('text-empty');
  });

  it('are texts for a model without marks', async () => {
    const found = await drawCalibration(of({ kind: 'texts', texts, dialogues }, byCharacter), {
      ...sampling,
      samples: 1,
    });
    expect(found.learnt).toBeNull();
    expect(found.rows[0]).toHaveLength(4);
  });

  it('leave the marks out of an evaluation text, whose chunks get them', async () => {
    const found = await evaluationTokens(of({ kind: 'text', text: 'ab' }), null);
    expect([...found]).toEqual([97, 98]);
  });
});
