import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { inspectModel } from '../../main/studio/inspect-model.ts';
import { prepareRunOf } from '../../main/studio/preview-plan.ts';
import { checkRecipe } from '../../main/studio/recipe.ts';
import { Refusal } from '../../main/studio/refusal.ts';
import { readProgress, RunLibrary, type KeptRun } from '../../main/studio/run-library.ts';
import type { RunIdentity } from '../../main/studio/run-identity.ts';
import { appendEvent, appendLog, recordIdentity } from '../../main/studio/run-store.ts';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';
import { writeRandomModel } from '../fixtures/random-model.ts';

let folder: string;
let library: RunLibrary;
let warnings: string[];
beforeEach(() => {
  folder = temporaryFolder();
  warnings = [];
  library = new RunLibrary(path.join(folder, 'runs'), (message) => warnings.push(message));
});

/** A run of a random model, made and not started. */
async function made(ratio: number, identity: RunIdentity | null = null): Promise<KeptRun> {
  const model = path.join(folder, 'model');
  await writeRandomModel(model);
  const prune = { criterion: 'magnitude-l1', ratio, layers: { attention: [0, 4], mlp: [0, 4] } };
  const recipe = checkRecipe({ model, prune }, 'test');
  return library.make(prepareRunOf(await inspectModel(model), recipe), recipe, 'tiny', identity);
}

const refusedCode = (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((error: unknown) => (error instanceof Refusal ? error.code : error));

describe('a run', () => {
  it('is made in a folder that is named for what it does, and once', async () => {
    const run = await made(0.25);
    expect(path.basename(run.stored.folder)).toMatch(/^tiny-magnitude-l1-0\.25-[0-9a-f]{8}$/);
    expect(run.stored.state).toBe('interrupted');
    expect(run.report).toBeNull();
    const { preview } = prepareRunOf(await inspectModel(path.join(folder, 'model')), run.stored.recipe);
    expect(run.forecast).toEqual({ before: preview.before, after: preview.after, layers: preview.layers });
    expect(run.forecast?.layers).toEqual(
      Array(4).fill({
        before: { heads: 4, kvHeads: 2, mlpWidth: 48 },
        after: { heads: 4, kvHeads: 2, mlpWidth: 36 },
      }),
    );
    expect(run.sizeBytes).toBeGreaterThan(500);
    expect(Date.now() - Date.parse(run.createdAt)).toBeLessThan(60_000);
    expect((await made(0.25)).id).toBe(run.id);
    expect(await readdir(library.folder)).toHaveLength(1);
    expect((await made(0.5)).id).not.toBe(run.id);
    expect(await readdir(library.folder)).toHaveLength(2);
  });

  it('is the same for the same settings until it is known what it is made from, and then by that alone', async () => {
    const [one, other] = ['1', '2'].map((digit) => ({ hash: digit.repeat(64), engineVersion: '0.1.0' }));
    const unknown = await made(0.25);
    expect((await made(0.25)).id).toBe(unknown.id);
    await recordIdentity(unknown.stored, one);
    await library.refresh(unknown.id);
    expect((await made(0.25, one)).id).toBe(unknown.id);
    const changed = await made(0.25, other);
    expect(changed.id).not.toBe(unknown.id);
    expect((await made(0.25, other)).id).toBe(changed.id);
    expect((await library.twinOf(changed.id, one))?.id).toBe(unknown.id);
    expect(await library.twinOf(unknown.id, one)).toBeUndefined();
  });

  it('is made once, though it is asked for twice at a time', async () => {
    await made(0.5);
    const runs = await Promise.all([made(0.25), made(0.25), made(0.25)]);
    expect(new Set(runs.map(({ id }) => id)).size).toBe(1);
  });

  it('that is merged into another is found as that one', async () => {
    const [one, other] = [await made(0.25), await made(0.5)];
    await library.merge(one.id, other.id);
    expect((await library.find(one.id)).id).toBe(other.id);
    expect((await library.list()).map(({ id }) => id)).toEqual([other.id]);
    expect(await readdir(library.folder)).toHaveLength(1);
  });

  it('is read again when it has moved on', async () => {
    const run = await made(0.25);
    await appendEvent(run.stored.folder, { type: 'started' });
    await appendEvent(run.stored.folder, { type: 'cancelled' });
    expect((await library.find(run.id)).stored.state).toBe('interrupted');
    expect((await library.refresh(run.id)).stored.state).toBe('cancelled');
    expect((await library.find(run.id)).stored.state).toBe('cancelled');
  });

  it('keeps its forecast when its model is gone; one of the command line has none then', async () => {
    const { id, stored, forecast } = await made(0.25);
    await rm(path.join(folder, 'model'), { recursive: true });
    expect((await library.refresh(id)).forecast).toEqual(forecast);
    await rm(path.join(stored.folder, 'forecast.json'));
    expect((await library.refresh(id)).forecast).toBeNull();
  });

  it('of the command line is forecast from its model and its recipe', async () => {
    const { id, stored, forecast } = await made(0.25);
    await rm(path.join(stored.folder, 'forecast.json'));
    expect((await library.refresh(id)).forecast).toMatchObject(forecast ?? {});
  });

  it('tells its progress as far as it is there', async () => {
    const { folder: runFolder } = (await made(0.25)).stored;
    expect(await readProgress(runFolder)).toMatchObject({ stage: null, log: [] });
    await appendEvent(runFolder, { type: 'stage', stage: 'slice' });
    const line = await appendLog(runFolder, 'a line');
    expect(line).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z a line$/);
    expect(await readProgress(runFolder)).toMatchObject({ stage: 'slice', log: [line] });
  });
});

describe('the list', () => {
  it('is empty before the first run', async () => {
    expect(await library.list()).toEqual([]);
  });

  it('finds what was put into the folder, and forgets what was taken out', async () => {
    const { id, stored } = await made(0.25);
    await cp(stored.folder, path.join(library.folder, 'a-copy'), { recursive: true });
    const ids = (await library.list()).map((run) => run.id);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(2);
    await rm(stored.folder, { recursive: true });
    expect((await library.list()).map((run) => run.id)).not.toContain(id);
    expect(await refusedCode(library.find(id))).toBe('run-unknown');
  });

  it('has the newest first', async () => {
    const runs = [await made(0.25), await made(0.5), await made(0.75)];
    const times = (await library.list()).map(({ createdAt }) => createdAt);
    expect(times).toEqual(
      runs
        .map(({ createdAt }) => createdAt)
        .sort()
        .reverse(),
    );
  });

  it('goes on past what is no run, and says so', async () => {
    const { id } = await made(0.25);
    const damaged = (await made(0.5)).stored.folder;
    await writeFile(path.join(damaged, 'settings.json'), '{');
    const stranger = path.join(library.folder, 'holiday-pictures');
    await mkdir(stranger);
    const reread = new RunLibrary(library.folder, (message) => warnings.push(message));
    expect((await reread.list()).map((run) => run.id)).toEqual([id]);
    expect(warnings).toHaveLength(2);
    expect(warnings.sort()[0]).toContain(`${stranger} is not shown: `);
    expect(warnings[1]).toContain(`${damaged} is not shown: `);
  });
});

describe('deleting', () => {
  it('takes one run out of the list and its folder whole out of sight; it can be brought back as it was', async () => {
    const [first, second] = [await made(0.25), await made(0.5)];
    await library.delete(first.id);
    expect((await library.list()).map(({ id }) => id)).toEqual([second.id]);
    const name = path.basename(first.stored.folder);
    expect(await library.deleted()).toEqual([{ id: first.id, name, sizeBytes: first.sizeBytes }]);
    expect(await refusedCode(library.delete(first.id))).toBe('run-unknown');
    await library.restore(first.id);
    expect(await library.find(first.id)).toEqual(first);
    expect(await library.deleted()).toEqual([]);
    expect(await refusedCode(library.restore(first.id))).toBe('run-unknown');
  });

  it('for good removes the folder and nothing else', async () => {
    const [first, second] = [await made(0.25), await made(0.5)];
    expect(await refusedCode(library.purge(first.id))).toBe('run-unknown');
    await library.delete(first.id);
    await library.purge(first.id);
    expect(await readdir(library.folder)).toEqual([path.basename(second.stored.folder)]);
    expect(await refusedCode(library.restore(first.id))).toBe('run-unknown');
  });

  it('outlives a studio that is killed: another one can bring the run back', async () => {
    const { id } = await made(0.25);
    await library.delete(id);
    const next = new RunLibrary(library.folder, (message) => warnings.push(message));
    await next.endInterrupted();
    expect(await next.list()).toEqual([]);
    expect((await next.deleted()).map((run) => run.id)).toEqual([id]);
    await next.restore(id);
    expect((await next.list()).map((run) => run.id)).toEqual([id]);
  });

  it('for good that was interrupted is ended at the next start', async () => {
    const { stored } = await made(0.25);
    const half = path.join(library.folder, `.going-${path.basename(stored.folder)}`);
    await cp(stored.folder, half, { recursive: true });
    expect(await library.list()).toHaveLength(1);
    expect(await library.deleted()).toEqual([]);
    await library.endInterrupted();
    expect(await readdir(library.folder)).toEqual([path.basename(stored.folder)]);
  });
});

describe('what a person writes about a run', () => {
  const nothing = { name: null, tags: [], note: '' };

  it('is kept in its folder, survives the studio, and is no part of what the run is', async () => {
    const run = await made(0.25);
    expect(run.annotation).toEqual(nothing);
    await library.annotate(run.id, { tags: ['paper', '要保留'] });
    await library.annotate(run.id, { name: 'the small one', note: 'two\nlines' });
    const written = { name: 'the small one', tags: ['paper', '要保留'], note: 'two\nlines' };
    expect((await library.find(run.id)).annotation).toEqual(written);
    const [again] = await new RunLibrary(library.folder, () => undefined).list();
    expect(again.annotation).toEqual(written);
    expect(again.stored).toEqual(run.stored);
    expect((await made(0.25)).id).toBe(run.id);
  });

  it('that is damaged is set aside, and the run is there all the same', async () => {
    const { id, stored } = await made(0.25);
    await writeFile(path.join(stored.folder, 'annotation.json'), '{"name": 7}');
    expect((await library.refresh(id)).annotation).toEqual(nothing);
    expect(warnings.join()).toContain('annotation.json is damaged');
    expect(await readdir(stored.folder)).toContain('annotation.json.damaged');
  });
});
