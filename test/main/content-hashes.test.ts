import { createHash } from 'node:crypto';
import { readFile, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { ContentHashes, type ReadingWatch } from '../../main/studio/content-hashes.ts';
import type { SpawnWorker } from '../../main/worker/channel.ts';
import { hashFiles } from '../../main/worker/hash-job.ts';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';

let folder: string;
/** What workers were asked to read. */
let read: string[][];
/** Whether a worker never comes to an end. */
let isStuck: boolean;
let killed: number;

beforeEach(() => {
  folder = temporaryFolder();
  read = [];
  isStuck = false;
  killed = 0;
});

/** The worker's own reading, without the process. */
const spawn: SpawnWorker = (listener) => ({
  send: (message) => {
    if (message.type === 'end') listener.ended('exit code 0');
    if (message.type !== 'start' || message.job.kind !== 'hash-files') return;
    read.push(message.job.paths.map((file) => path.basename(file)));
    if (isStuck) return;
    const report = (fraction: number): void => {
      listener.message({ type: 'progress', stage: 'hash', fraction });
    };
    void hashFiles(message.job, report).then((result) => {
      listener.message({ type: 'done', result, peakRssBytes: 0 });
    });
  },
  kill: () => {
    killed++;
    listener.ended('signal SIGKILL');
  },
});

const opened = (): Promise<ContentHashes> =>
  ContentHashes.open(path.join(folder, 'content-hashes.json'), spawn, (message) => {
    throw new Error(message);
  });

const patient: ReadingWatch = { signal: new AbortController().signal, progress: () => undefined };

async function written(name: string, text: string): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, text);
  return file;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('content hashes', () => {
  it('are those of the files, read once and remembered at the next start', async () => {
    const paths = [await written('a', 'one'), await written('b', 'two'), await written('empty', '')];
    const hashes = await opened();
    expect(await hashes.known(paths)).toBeUndefined();
    const fractions: number[] = [];
    const progress = (fraction: number): void => {
      fractions.push(fraction);
    };
    expect(await hashes.read(paths, { ...patient, progress })).toEqual(['one', 'two', ''].map(sha256));
    expect(fractions).toEqual([0.5, 1]);
    const next = await opened();
    expect(await next.known(paths)).toEqual(['one', 'two', ''].map(sha256));
    expect(await next.read(paths, patient)).toEqual(['one', 'two', ''].map(sha256));
    expect(read).toEqual([['a', 'b', 'empty']]);
  });

  it('are read anew of what was written to, though size and time of the last write are the same', async () => {
    const paths = [await written('a', 'one'), await written('b', 'two')];
    const hashes = await opened();
    await hashes.read(paths, patient);
    const { atime, mtime } = await stat(paths[1]);
    await writeFile(paths[1], 'owt');
    await utimes(paths[1], atime, mtime);
    expect(await hashes.known(paths)).toBeUndefined();
    expect(await hashes.read(paths, patient)).toEqual(['one', 'owt'].map(sha256));
    expect(read).toEqual([['a', 'b'], ['b']]);
  });

  it('are not remembered of what was written to meanwhile', async () => {
    const file = await written('a', 'one');
    const hashes = await opened();
    let writing: Promise<void> | undefined;
    const progress = (): void => {
      writing ??= writeFile(file, 'three');
    };
    const reading = hashes.read([file], { ...patient, progress });
    await reading;
    await writing;
    expect(await hashes.known([file])).toBeUndefined();
  });

  it('of one file in two roles are read once', async () => {
    const file = await written('a', 'one');
    expect(await (await opened()).read([file, file], patient)).toEqual([sha256('one'), sha256('one')]);
    expect(read).toEqual([['a']]);
  });

  it('are given up when that is asked for: the worker is gone', async () => {
    const file = await written('a', 'one');
    isStuck = true;
    const stop = new AbortController();
    const reading = (await opened()).read([file], { ...patient, signal: stop.signal });
    const refused = expect(reading).rejects.toMatchObject({ name: 'Cancelled' });
    await expect.poll(() => read.length).toBe(1);
    stop.abort();
    await refused;
    expect(killed).toBe(1);
  });

  it('of a missing file are an error with its path', async () => {
    const missing = path.join(folder, 'missing');
    await expect((await opened()).read([missing], patient)).rejects.toMatchObject({ code: 'file-missing' });
  });

  it('are kept in a list that does not grow without end', async () => {
    const hashes = await opened();
    const files = await Promise.all(Array.from({ length: 520 }, (_, i) => written(`f${i}`, String(i))));
    await hashes.read(files.slice(0, 260), patient);
    await hashes.read(files.slice(260), patient);
    const kept = JSON.parse(await readFile(path.join(folder, 'content-hashes.json'), 'utf8')) as {
      files: unknown[];
    };
    expect(kept.files).toHaveLength(500);
    expect(await hashes.known(files.slice(260))).toHaveLength(260);
  });
});
