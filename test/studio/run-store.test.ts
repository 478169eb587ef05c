import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultRecipe } from '../../main/studio/recipe.ts';
import {
  appendEvent,
  createRun,
  findRun,
  openRun,
  readEvents,
  readReport,
  type RunEvent,
  type StoredRun,
} from '../../main/studio/run-store.ts';
import { rejection } from '../engine/checkpoint/rejection.ts';
import { hashesBelow } from '../fixtures/folder-hashes.ts';
import { runSettings } from '../fixtures/run-settings.ts';

let parent: string;
let folder: string;
beforeEach(async () => {
  parent = await mkdtemp(path.join(tmpdir(), 'run-store-'));
  folder = path.join(parent, 'run');
});
afterEach(() => rm(parent, { recursive: true }));

const identity = { hash: 'a'.repeat(64), engineVersion: '0.1.0' };
const recipe = { ...defaultRecipe(), model: runSettings.model };
const create = (): Promise<StoredRun> => createRun(folder, recipe, runSettings, identity);
const inFolder = (name: string): string => path.join(folder, name);

describe('making a run', () => {
  it('leaves the recipe with every choice written in, and the settings, in a new folder', async () => {
    folder = path.join(parent, 'deep', 'er', 'run');
    const run = await create();
    expect(await readdir(folder)).toEqual(['recipe.yaml', 'settings.json']);
    expect(run).toMatchObject({ folder, settings: runSettings, identity, state: 'interrupted' });
    expect(run.lastStage).toBeUndefined();
    expect(run.recipe).toEqual({
      ...recipe,
      prune: {
        ...recipe.prune,
        criterion: runSettings.prune.criterion,
        layers: { attention: [1, 3], mlp: [1, 3] },
      },
      device: 'cpu',
      memory: 2 ** 28,
    });
    expect(await openRun(folder)).toEqual(run);
    expect(await findRun(folder)).toEqual(run);
  });

  it.each([
    ['an empty folder', []],
    ['a folder left before the settings were named', ['settings.json.77-0.partial']],
    ['a folder left before the recipe was named', ['settings.json', 'recipe.yaml.77-1.partial']],
    ['a folder left before the recipe was begun', ['settings.json']],
  ])('is possible in %s', async (_what, left) => {
    await mkdir(folder);
    for (const name of left) {
      const whole = JSON.stringify({ identity, settings: runSettings });
      await writeFile(inFolder(name), name === 'settings.json' ? whole : '{"iden');
    }
    expect(await findRun(folder)).toBeUndefined();
    expect((await create()).settings).toEqual(runSettings);
  });

  it.each([
    ['another file', 'notes.txt', 'Mine.'],
    ['a recipe that a person wrote', 'recipe.yaml', 'model: m\n'],
    ['the settings of another program', 'settings.json', '{"editor.tabSize": 2}'],
    ['a half-written file of another program', 'notes.txt.77-0.partial', 'Mi'],
  ])('is refused where %s lies, which stays as it was', async (_what, name, content) => {
    await mkdir(folder);
    await writeFile(inFolder(name), content);
    for (const attempt of [create, () => findRun(folder)]) {
      const error = await rejection(attempt());
      expect(error.code).toBe('run-folder-occupied');
      expect(error.message).toBe(`${folder} is not empty, and holds no run.`);
    }
    expect(await readdir(folder)).toEqual([name]);
    expect(await readFile(inFolder(name), 'utf8')).toBe(content);
  });

  it('is refused where another run has come somewhere, which stays as it was', async () => {
    await create();
    await mkdir(inFolder('checkpoints'));
    await writeFile(inFolder('checkpoints/evaluate-before.json'), '{}');
    const before = hashesBelow(folder);
    const error = await rejection(create());
    expect(error.code).toBe('run-folder-occupied');
    expect(error.message).toMatch(
      / holds another run: its recipe, model or data differ from those of this one\.$/,
    );
    expect(hashesBelow(folder)).toEqual(before);
  });

  it('takes the place of another run that came to nothing, and of its events', async () => {
    await create();
    await writeFile(inFolder('events.jsonl'), '{"type":"failed"}\n');
    const again = await createRun(folder, recipe, runSettings, { ...identity, hash: 'other' });
    expect(again.identity.hash).toBe('other');
    expect(again.state).toBe('interrupted');
    expect(await readEvents(folder)).toEqual([]);
  });

  it('is refused under the name of a file, and below one', async () => {
    const file = path.join(parent, 'file');
    await writeFile(file, 'Mine.');
    const under = await rejection(createRun(file, recipe, runSettings, identity));
    expect(under.code).toBe('folder-not-writable');
    expect(under.message).toBe(`${file} could not be written: a file has that name`);
    for (const below of ['run', 'deep/run']) {
      const error = await rejection(createRun(path.join(file, below), recipe, runSettings, identity));
      expect(error.code).toBe('folder-not-writable');
      expect(error.message).toMatch(/ could not be made: .*file is a file, not a folder\.$/);
    }
    expect(await readFile(file, 'utf8')).toBe('Mine.');
  });

  // Node's recursive mkdir goes round for ever there.
  it.runIf(process.platform === 'linux')('is refused where the system makes no folders', async () => {
    for (const place of ['/proc/run', '/proc/deep/er/run']) {
      const error = await rejection(createRun(place, recipe, runSettings, identity));
      expect(error.code).toBe('folder-not-writable');
      expect(error.message).toMatch(/^\/proc\/\w+ could not be made: \/proc takes no new folders\.$/);
    }
  });
});

describe('opening a run', () => {
  it.each([undefined, 'recipe.yaml', 'settings.json'])(
    'needs both of its files: without %s',
    async (missing) => {
      if (missing !== undefined) {
        await create();
        await rm(inFolder(missing));
      }
      const error = await rejection(openRun(folder));
      expect(error.code).toBe('run-folder-invalid');
      expect(error.message).toBe(`${folder} holds no run: ${missing ?? 'recipe.yaml'} is not there.`);
    },
  );

  const whole = { identity, settings: runSettings };
  const damages: [string, string, string][] = [
    ['null', 'run-folder-invalid', '(the whole file): '],
    ['[]', 'run-folder-invalid', '(the whole file): '],
    ['{}', 'run-folder-invalid', 'identity: '],
    [JSON.stringify({ identity }), 'run-folder-invalid', 'settings: '],
    [
      JSON.stringify({ ...whole, settings: { ...runSettings, threads: 0 } }),
      'run-folder-invalid',
      'settings.threads: ',
    ],
    [
      JSON.stringify({ ...whole, settings: { ...runSettings, model: 3 } }),
      'run-folder-invalid',
      'settings.model: ',
    ],
    [JSON.stringify(whole).slice(0, 200), 'json-invalid', 'is not valid JSON: line 1, column 201: '],
    ['', 'json-invalid', 'is not valid JSON'],
  ];
  it.each(damages.map(([content, ...told]) => [...told, content]))(
    'settings.json is damaged: %s, %s',
    async (code, place, content) => {
      await create();
      await writeFile(inFolder('settings.json'), content);
      const error = await rejection(openRun(folder));
      expect(error.code).toBe(code);
      expect(error.message.startsWith(inFolder('settings.json'))).toBe(true);
      expect(error.message).toContain(place);
    },
  );

  it.each(['model: [', 'model: *a', '5', 'modle: m'])(
    'says that recipe.yaml is damaged: %s',
    async (content) => {
      await create();
      await writeFile(inFolder('recipe.yaml'), content);
      const error = await rejection(openRun(folder));
      expect(['run-folder-invalid', 'recipe-invalid']).toContain(error.code);
      expect(error.message.startsWith(inFolder('recipe.yaml'))).toBe(true);
    },
  );
});

describe('events', () => {
  const started: RunEvent = { type: 'started' };
  const slicing: RunEvent = { type: 'stage', stage: 'slice' };

  it('come back in order, with their times', async () => {
    await create();
    await appendEvent(folder, started);
    await appendEvent(folder, slicing);
    const events = await readEvents(folder);
    expect(events).toMatchObject([started, slicing]);
    for (const { time } of events) expect(new Date(time).toISOString()).toBe(time);
    expect((await openRun(folder)).lastStage).toBe('slice');
  });

  it.each(['{"time":"2026-01-01T00:00:00.000Z","type":"fini', '{', '{"type":"finished"}'])(
    'lose a torn last line, in the file too: %s',
    async (torn) => {
      await create();
      await appendEvent(folder, { ...slicing });
      const before = await readFile(inFolder('events.jsonl'), 'utf8');
      await writeFile(inFolder('events.jsonl'), before + torn);
      expect((await openRun(folder)).state).toBe('interrupted');
      expect(await readFile(inFolder('events.jsonl'), 'utf8')).toBe(before);
      await appendEvent(folder, { type: 'finished' });
      expect((await readEvents(folder)).map(({ type }) => type)).toEqual(['stage', 'finished']);
    },
  );

  it('pass over a line that a full disk tore, and another was written on', async () => {
    await create();
    await appendEvent(folder, started);
    const whole = await readFile(inFolder('events.jsonl'), 'utf8');
    await writeFile(inFolder('events.jsonl'), `${whole}{"time":"2026-0${whole}null\n5\n{}\n${whole}`);
    expect(await readEvents(folder)).toMatchObject([started, started]);
  });

  it.each<[RunEvent['type'][], StoredRun['state']]>([
    [[], 'interrupted'],
    [['started'], 'interrupted'],
    [['started', 'stage', 'metric'], 'interrupted'],
    [['started', 'stage', 'finished'], 'finished'],
    [['started', 'cancelled'], 'cancelled'],
    [['started', 'failed'], 'failed'],
    [['started', 'failed', 'resumed'], 'interrupted'],
    [['started', 'cancelled', 'resumed', 'stage', 'warning', 'finished'], 'finished'],
  ])('tell the state: after %j a run is %s', async (types, state) => {
    await create();
    const lines = types.map((type) => `${JSON.stringify({ time: '2026-01-01T00:00:00.000Z', type })}\n`);
    await writeFile(inFolder('events.jsonl'), lines.join(''));
    await mkdir(inFolder('model'));
    await writeFile(inFolder('model/config.json'), '{}');
    await writeFile(inFolder('report.json'), '{}');
    expect((await openRun(folder)).state).toBe(state);
  });

  it.each(['model/config.json', 'report.json'])(
    'do not make a run finished whose %s is gone',
    async (gone) => {
      await create();
      await writeFile(inFolder('events.jsonl'), '{"type":"finished"}\n');
      await mkdir(inFolder('model'));
      for (const file of ['model/config.json', 'report.json']) await writeFile(inFolder(file), '{}');
      await rm(inFolder(gone));
      expect((await openRun(folder)).state).toBe('interrupted');
    },
  );
});

describe('the report', () => {
  it.each(['null', '{}', '{"before":{},"after":{}}', '{"windows":3}'])(
    'that is damaged is told: %s',
    async (content) => {
      await create();
      await writeFile(inFolder('report.json'), content);
      const error = await rejection(readReport(folder));
      expect(error.code).toBe('run-folder-invalid');
      expect(error.message.startsWith(`${inFolder('report.json')} is damaged: `)).toBe(true);
    },
  );

  it('that is missing is told', async () => {
    await create();
    expect((await rejection(readReport(folder))).code).toBe('file-missing');
  });
});
