import { truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readDocuments, type Documents } from '../../../main/engine/dataset/documents.ts';
import type { EngineError } from '../../../main/engine/errors.ts';
import { rejection } from '../checkpoint/rejection.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';

async function fileOf(name: string, content: string | Uint8Array): Promise<string> {
  const file = path.join(temporaryFolder(), name);
  await writeFile(file, content);
  return file;
}

const read = async (name: string, content: string | Uint8Array): Promise<Documents> =>
  readDocuments(await fileOf(name, content));

async function refused(
  name: string,
  content: string | Uint8Array,
): Promise<{ file: string; error: EngineError }> {
  const file = await fileOf(name, content);
  return { file, error: await rejection(readDocuments(file)) };
}

const byteOrderMark = '\ufeff';

describe('plain text', () => {
  it('is one text, blank lines and blanks as they are, line ends as Python reads them', async () => {
    const text = '  One.\r\n\r\nTwo:\tthree\rfour \n\n';
    expect(await read('a.txt', text)).toEqual({ kind: 'text', text: '  One.\n\nTwo:\tthree\nfour \n\n' });
  });

  it('loses a byte order mark', async () => {
    expect(await read('a.txt', `${byteOrderMark}One.`)).toEqual({ kind: 'text', text: 'One.' });
  });

  it('is what any other file than .jsonl, .json and .parquet holds, rows or not', async () => {
    const text = '{"input_ids":[1,2]}\n';
    expect(await read('rows.txt', text)).toEqual({ kind: 'text', text });
    expect(await read('noExtension', text)).toEqual({ kind: 'text', text });
  });

  it.each(['', ' \n\r\n\t', byteOrderMark])('must hold text: %j does not', async (content) => {
    const { file, error } = await refused('a.txt', content);
    expect(error.code).toBe('text-empty');
    expect(error.message).toBe(`${file} holds no text.`);
  });

  it.each([
    ['a lone continuation byte', [0x41, 0x80]],
    ['UTF-16', [0xff, 0xfe, 0x41, 0x00]],
    ['a character cut short', [0xe2, 0x82]],
  ])('must be UTF-8: %s is not', async (_what, bytes) => {
    const { file, error } = await refused('a.txt', Uint8Array.from(bytes));
    expect(error.code).toBe('file-unreadable');
    expect(error.message).toBe(`${file} is not UTF-8 text.`);
  });

  it('may have 256 MiB, and no byte is read of a larger file', async () => {
    const file = await fileOf('large.txt', 'x');
    await truncate(file, 256 * 2 ** 20 + 1);
    const error = await rejection(readDocuments(file));
    expect(error.code).toBe('limit-exceeded');
    expect(error.message).toBe(`${file} has 268435457 bytes; a text may have at most 268435456.`);
  });

  it('must be there, as a file', async () => {
    const folder = temporaryFolder();
    expect((await rejection(readDocuments(path.join(folder, 'none.txt')))).code).toBe('file-missing');
    expect((await rejection(readDocuments(folder))).code).toBe('file-unreadable');
  });
});

describe('JSONL', () => {
  it('gives the texts of its rows, without a byte order mark, blank lines and the rest of each row', async () => {
    const content = `${byteOrderMark}{"text":"One\\n","id":7}\r\n\r\n  \n{"input_ids":null,"text":""}\n{"text":"é"}`;
    expect(await read('a.JSONL', content)).toEqual({ kind: 'texts', texts: ['One\n', '', 'é'] });
  });

  it('gives rows of ids as they are, of any length, even where texts lie beside them', async () => {
    const content = '{"input_ids":[3,1,2],"text":"abc"}\n{"input_ids":[0]}\n{"input_ids":[2147483647,5]}\n';
    const rows = [[3, 1, 2], [0], [2 ** 31 - 1, 5]];
    expect(await read('a.jsonl', content)).toEqual({ kind: 'ids', rows });
  });

  it('is of one kind', async () => {
    const { file, error } = await refused('a.jsonl', '{"text":"a"}\n{"input_ids":[1]}\n{"text":"b"}\n');
    expect(error.code).toBe('row-invalid');
    expect(error.message).toBe(
      `${file} mixes rows of "text" and rows of "input_ids"; all must be of one kind.`,
    );
    expect(error.facts).toMatchObject({ texts: 2, ids: 1 });
  });

  it('of blank lines holds no text', async () => {
    expect((await refused('a.jsonl', '\n \r\n')).error.code).toBe('text-empty');
  });

  const object =
    'an object with "text", "sentence", or "instruction" and "output" (strings), "conversations" or "dialog" (turns, at least one), or "input_ids" (whole numbers from 0, at least one)';
  it.each([
    ['{"text":"a"', 'JSON'],
    ['plain words', 'JSON'],
    ['NaN', 'JSON'],
    ['5', object],
    ['null', object],
    ['[1,2]', object],
    ['{"txt":"a"}', object],
    ['{"text":5}', object],
    ['{"instruction":"Count."}', object],
    ['{"instruction":"Count.","input":5,"output":"1"}', object],
    ['{"input_ids":[]}', object],
    ['{"input_ids":[1.5]}', object],
    ['{"input_ids":[-1]}', object],
    ['{"input_ids":[2147483648]}', object],
    ['{"input_ids":["1"]}', object],
    ['{"input_ids":"1"}', object],
    // Read by its text, the row would not be used token for token, as it asks to be.
    ['{"input_ids":[-1],"text":"a"}', object],
  ])('names the line of a wrong row: %s', async (row, expected) => {
    const { file, error } = await refused('a.jsonl', `{"text":"a"}\n\r\n${row}\n`);
    expect(error.code).toBe('row-invalid');
    expect(error.message).toBe(`${file}, line 3: expected ${expected}, found ${row}`);
    expect(error.facts).toMatchObject({ place: 'line 3' });
  });

  it('shows no more of a wrong row than a line takes', async () => {
    const { error } = await refused('a.jsonl', 'x'.repeat(5000));
    expect(error.message.endsWith(`found ${'x'.repeat(60)}…`)).toBe(true);
  });
});

describe('JSON', () => {
  const rows = [{ text: 'One\n', id: 7 }, { text: '' }];

  it('is one array of rows, or a row a line as C4 has them', async () => {
    const expected = { kind: 'texts', texts: ['One\n', ''] };
    expect(await read('a.json', ` ${JSON.stringify(rows, null, 2)}`)).toEqual(expected);
    expect(await read('a.json', rows.map((row) => JSON.stringify(row)).join('\n'))).toEqual(expected);
    expect(await read('a.json', '[{"input_ids":[1,2]}]')).toEqual({ kind: 'ids', rows: [[1, 2]] });
  });

  it('names the row that is wrong', async () => {
    const { file, error } = await refused('a.json', '[{"text":"a"},{"txt":"b"}]');
    expect(error.message.startsWith(`${file}, row 2: expected an object with "text"`)).toBe(true);
  });
});

describe('Alpaca', () => {
  it('rows become one text each: the question in Alpaca’s template, and its answer', async () => {
    const content = JSON.stringify([
      { instruction: 'Sort {output}.', input: '', output: '[1]' },
      { instruction: 'Translate.', input: 'Good day', output: 'Bonjour' },
    ]);
    expect(await read('alpaca_data.json', content)).toMatchObject({
      kind: 'texts',
      texts: [
        'Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\nSort {output}.\n\n### Response:\n[1]',
        'Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\nTranslate.\n\n### Input:\nGood day\n\n### Response:\nBonjour',
      ],
    });
  });

  it('is read from Parquet, an input of null among it; a text beside it is taken as it is', async () => {
    const documents = await readDocuments(path.resolve('test/golden/parquet/alpaca.parquet'));
    const texts = documents.kind === 'texts' ? documents.texts : [];
    expect(texts.map((text) => text.split('### ').slice(1).join('|'))).toEqual([
      'Instruction:\nName a colour.\n\n|Response:\nRed.',
      'Instruction:\nTranslate to French.\n\n|Input:\nGood day\n\n|Response:\nBonjour – « salut ».',
      'Instruction:\nCount.\n\n|Response:\n1 2 3',
    ]);
    const both = '{"instruction":"a","output":"b","text":"c"}\n';
    expect(await read('a.jsonl', both)).toEqual({ kind: 'texts', texts: ['c'] });
  });
});

describe('dialogues', () => {
  it('of ShareGPT and DailyDialog are texts with a turn a line, and a reply to what was said before', async () => {
    const rows = [
      { dialog: [' Hello . ', 'Hi', ' Bye '] },
      {
        conversations: [
          { from: 'human', value: 'One' },
          { from: 'gpt', value: 'Two' },
          { from: 'human', value: 'left open' },
        ],
      },
    ];
    expect(await read('a.json', JSON.stringify(rows))).toEqual({
      kind: 'texts',
      texts: ['Hello .\nHi\nBye', 'One\nTwo'],
      dialogues: [
        { context: 'Hello .\nHi', reply: 'Bye' },
        { context: 'One', reply: 'Two' },
      ],
    });
  });

  it('of Alpaca have the answer for a reply; a text or a single turn among them makes all of them texts', async () => {
    const alpaca = { instruction: 'a', output: 'b' };
    const found = await read('a.json', JSON.stringify([alpaca]));
    const context = expect.stringMatching(/### Instruction:\na\n\n### Response:\n$/) as string;
    expect(found).toMatchObject({ dialogues: [{ context, reply: 'b' }] });
    for (const other of [{ text: 'c' }, { dialog: ['c'] }]) {
      const mixed = await read('a.json', JSON.stringify([alpaca, other]));
      expect(mixed).toMatchObject({ kind: 'texts', texts: [expect.any(String), 'c'] });
      expect(mixed).not.toHaveProperty('dialogues');
    }
  });

  it('must be turns', async () => {
    for (const [row, message] of [
      [{ dialog: ['a', 1] }, '"dialog" to be a list of texts, found ["a",1]'],
      [{ dialog: [] }, 'an object with "text"'],
      [{ conversations: 'a' }, '"conversations" to be a list of turns, found a'],
    ] as const) {
      const error = await rejection(read('a.json', JSON.stringify([row])));
      expect(error.code).toBe('row-invalid');
      expect(error.message).toContain(message);
    }
  });
});

describe('labels beside ids', () => {
  it('tell what is to be predicted; rows without them are predicted as a whole', async () => {
    const rows = [{ input_ids: [5, 6, 7], labels: [-100, -100, 7] }, { input_ids: [8, 9] }];
    expect(await read('a.json', JSON.stringify(rows))).toEqual({
      kind: 'ids',
      rows: [
        [5, 6, 7],
        [8, 9],
      ],
      learnt: [Uint8Array.of(0, 0, 1), Uint8Array.of(1, 1)],
    });
    const classified = await read('b.json', JSON.stringify([{ input_ids: [5], labels: 1 }]));
    expect(classified).toEqual({ kind: 'ids', rows: [[5]] });
  });

  it('must be as many as there are ids', async () => {
    const error = await rejection(read('a.json', '[{"input_ids":[1,2],"labels":[1]}]'));
    expect(error.message).toContain(
      '"labels" to be 2 whole numbers, -100 where nothing is predicted, found [1]',
    );
  });
});

describe('Parquet as the hub has it', () => {
  it.each([
    [
      'bookcorpus',
      ['first', 'second', 'third', 'fourth', 'fifth'].map((n) => `she took the ${n} path home .`),
    ],
    ['c4', ['A page.\nOf two lines – in all.', 'Another page.']],
    ['wikitext', ['', ' = A heading = \n', '', ' Some words about it . \n', ' And more @-@ of them . \n']],
  ])('%s: the column text, every row group, in order', async (name, texts) => {
    const found = await readDocuments(path.resolve(`test/golden/parquet/${name}.parquet`));
    expect(found).toEqual({ kind: 'texts', texts });
  });
});
