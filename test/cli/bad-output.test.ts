import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { appendFile, chmod, mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../main/engine/errors.ts';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';
import { command, documentOf, startCommand, type Finished } from '../fixtures/command-line.ts';
import { hashesBelow } from '../fixtures/folder-hashes.ts';
import { copiedModel, setting } from './bad-input/bad-input.ts';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

const at = (...parts: string[]): string => path.join(folder, ...parts);

/** The arguments of a short run, by the weights alone. */
async function runInto(out: string): Promise<string[]> {
  const model = existsSync(at('model')) ? at('model') : await copiedModel(folder);
  return ['run', ...setting({ model, 'prune.criterion': 'magnitude-l2' }), '--out', out];
}

function expectError(finished: Finished, code: ErrorCode, sentence: string | RegExp): void {
  const { error } = documentOf(finished, 1) as { error: { code: string; message: string; hint: string } };
  expect(error.code, error.message).toBe(code);
  expect(error.message).toMatch(sentence);
  expect(finished.stderr).toBe(`error: ${error.message}\nhint: ${error.hint}\n`);
}

describe('a run folder that cannot be made: one sentence, and nothing lost:', () => {
  it.each<[string, string, ErrorCode, RegExp]>([
    [
      'a file has its name',
      'file',
      'folder-not-writable',
      /file could not be written: a file has that name$/,
    ],
    [
      'it would lie below a file',
      'file/out',
      'folder-not-writable',
      /out could not be made: .*file is a file, not a folder\.$/,
    ],
    [
      'it would lie far below a file',
      'file/a/b/out',
      'folder-not-writable',
      /file is a file, not a folder\.$/,
    ],
    [
      'it is the folder of the model',
      'model',
      'run-folder-occupied',
      /model is not empty, and holds no run\.$/,
    ],
    ['it holds a file', 'occupied', 'run-folder-occupied', /occupied is not empty, and holds no run\.$/],
    [
      'it holds a recipe that a person wrote',
      'recipes',
      'run-folder-occupied',
      /recipes is not empty, and holds no run\.$/,
    ],
    [
      'it holds a damaged run',
      'damaged',
      'run-folder-invalid',
      /damaged\/settings\.json is damaged: identity: /,
    ],
  ])('%s', async (_what, out, code, sentence) => {
    await writeFile(at('file'), 'Mine.');
    for (const [name, file] of [
      ['occupied', 'notes.txt'],
      ['recipes', 'recipe.yaml'],
      ['damaged', 'recipe.yaml'],
    ]) {
      await mkdir(at(name));
      await writeFile(at(name, file), 'model: mine\n');
    }
    await writeFile(at('damaged/settings.json'), '{}');
    const args = await runInto(at(out));
    const before = hashesBelow(folder);
    expectError(await command(...args, '--json'), code, sentence);
    expect(hashesBelow(folder)).toEqual(before);
  });

  it.runIf(process.platform === 'linux')('the system makes no folders there', async () => {
    const args = await runInto('/proc/llm-pruner-run');
    expectError(await command(...args, '--json'), 'folder-not-writable', /: \/proc takes no new folders\.$/);
  });

  it('it may not be written', async (context) => {
    // Root may write everywhere, unless it gives that up.
    const isRoot = process.getuid?.() === 0;
    const [program, ...options] = ['setpriv', '--bounding-set=-all', '--inh-caps=-all'];
    if (isRoot && spawnSync(program, [...options, 'true']).status !== 0)
      context.skip('root cannot give up its privileges here: no setpriv');
    const through = isRoot ? [program, ...options] : [];
    const args = await runInto(at('locked/out'));
    await mkdir(at('locked'));
    await chmod(at('locked'), 0o555);
    const finished = await startCommand([...args, '--json'], { through }).finished;
    expectError(finished, 'folder-not-writable', /out could not be written: permission denied$/);
    expect(readdirSync(at('locked'))).toEqual([]);
  });
});

describe('a run that cannot be resumed: one sentence, and nothing lost:', () => {
  it.each<[string, () => Promise<unknown>, ErrorCode, RegExp]>([
    [
      'its folder does not exist',
      () => rm(at('out'), { recursive: true }),
      'run-folder-invalid',
      /out holds no run: recipe\.yaml is not there\.$/,
    ],
    [
      'its folder holds no run',
      () => rm(at('out/settings.json')),
      'run-folder-invalid',
      /out holds no run: settings\.json is not there\.$/,
    ],
    [
      'its settings are cut short',
      () => truncate(at('out/settings.json'), 100),
      'json-invalid',
      /settings\.json is not valid JSON: /,
    ],
    [
      'its settings are another thing',
      () => writeFile(at('out/settings.json'), 'null'),
      'run-folder-invalid',
      /settings\.json is damaged: \(the whole file\): /,
    ],
    [
      'its recipe is damaged',
      () => writeFile(at('out/recipe.yaml'), 'model: ['),
      'run-folder-invalid',
      /recipe\.yaml is damaged: Flow /,
    ],
    [
      'its model is gone',
      () => rm(at('model'), { recursive: true }),
      'file-missing',
      /model does not exist$/,
    ],
    [
      'its model has changed',
      () => appendFile(at('model/generation_config.json'), '\n'),
      'run-folder-invalid',
      /cannot go on: its settings, its model or its data have changed since it began\.$/,
    ],
  ])('%s', async (_what, spoil, code, sentence) => {
    documentOf(await command(...(await runInto(at('out'))), '--json'));
    // As if it had been killed before its end was written.
    await truncate(at('out/events.jsonl'), 80);
    await spoil();
    const before = hashesBelow(folder, ['out/events.jsonl']);
    expectError(await command('resume', at('out'), '--json'), code, sentence);
    expect(hashesBelow(folder, ['out/events.jsonl'])).toEqual(before);
  });

  it('its report is damaged', async () => {
    documentOf(await command(...(await runInto(at('out'))), '--json'));
    await writeFile(at('out/report.json'), '{"before":3}');
    const before = hashesBelow(folder);
    const finished = await command('resume', at('out'), '--json');
    expect(documentOf(finished, 1)).toMatchObject({ error: { code: 'run-folder-invalid' } });
    expect(finished.stderr).toMatch(
      /^This run was finished before; .*\nerror: .*report\.json is damaged: windows: .*\nhint: .*\n$/,
    );
    expect(hashesBelow(folder)).toEqual(before);
  });
});
