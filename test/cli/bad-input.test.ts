import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';
import { command, documentOf } from '../fixtures/command-line.ts';
import { hashesBelow } from '../fixtures/folder-hashes.ts';
import type { BadInput } from './bad-input/bad-input.ts';
import { badData, badTokenizers } from './bad-input/data-cases.ts';
import { badGenerations } from './bad-input/generation-cases.ts';
import { badModels } from './bad-input/model-cases.ts';
import { badRecipes } from './bad-input/recipe-cases.ts';

/** What a command without a terminal tells of its progress, one line a stage. */
const progress = /^(evaluating( before| after)?|estimating|slicing)$/;

/** What a run leaves that could not be done: what it was asked, what happened, and no model. */
const leftOfRun = ['events.jsonl', 'log.txt', 'recipe.yaml', 'settings.json'];
/** What a run whose data was found wanting only in its first stage leaves beside: empty folders. */
const leftEmpty = ['checkpoints', 'scores'];

const named = (cases: readonly BadInput[]): [string, BadInput][] => cases.map((bad) => [bad.what, bad]);

describe.each([
  ['model', badModels],
  ['tokenizer', badTokenizers],
  ['data', badData],
  ['recipe', badRecipes],
  ['generation', badGenerations],
])('%s: one sentence, and nothing lost:', (_kind, cases) => {
  it.each(named(cases))('%s', async (_what, { code, sentence, arrange, foundByRun }) => {
    const folder = temporaryFolder();
    const out = path.join(folder, 'out');
    const args = await arrange(folder);
    const before = hashesBelow(folder);
    const finished = await command(...args, '--json');
    const { error } = documentOf(finished, 1) as { error: { code: string; message: string; hint?: string } };
    expect(error.code, error.message).toBe(code);
    if (typeof sentence === 'string') expect(error.message).toContain(sentence);
    else expect(error.message).toMatch(sentence);
    expect(error.message).not.toMatch(/\n| at .*:\d+:\d+/);
    const hint = error.hint === undefined ? [] : [`hint: ${error.hint}`];
    const lines = finished.stderr.split('\n').filter((line) => line !== '' && !progress.test(line));
    expect(lines).toEqual([`error: ${error.message}`, ...hint]);
    const after = Object.entries(hashesBelow(folder)).filter(([file]) => !file.startsWith('out/'));
    expect(Object.fromEntries(after)).toEqual(before);
    expect(existsSync(out)).toBe(foundByRun === true);
    if (!foundByRun) return;
    const names = readdirSync(out).sort();
    expect(names.filter((name) => !leftEmpty.includes(name))).toEqual(leftOfRun);
    for (const name of names.filter((left) => leftEmpty.includes(left))) {
      expect(readdirSync(path.join(out, name))).toEqual([]);
    }
  });
});
