import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockRun } from '../../main/studio/run-lock.ts';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'run-lock-'));
  path = join(folder, 'run.lock');
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** The lock this process would write, with some of it changed. */
async function lockWith(change: { processId?: number; bootSeconds?: number }): Promise<void> {
  const release = await lockRun(folder);
  const own = JSON.parse(await readFile(path, 'utf8')) as object;
  await release();
  await writeFile(path, JSON.stringify({ ...own, ...change }));
}

describe('lockRun', () => {
  it('keeps others out while another process lives, and lets go', async () => {
    await lockWith({ processId: process.ppid });
    await expect(lockRun(folder)).rejects.toMatchObject({ code: 'run-folder-occupied' });
    await rm(path);
    await (
      await lockRun(folder)
    )();
    expect(await readdir(folder)).toEqual([]);
  });

  it('takes over the lock of a process that has ended', async () => {
    const child = spawn(process.execPath, ['--eval', '']);
    await once(child, 'exit');
    await lockWith({ processId: child.pid });
    await expect(lockRun(folder)).resolves.toBeTypeOf('function');
  });

  it('takes over a lock of its own process id, left by an earlier process', async () => {
    await lockWith({});
    await expect(lockRun(folder)).resolves.toBeTypeOf('function');
  });

  it('takes over a lock from before the machine was started again', async () => {
    await lockWith({ processId: process.ppid, bootSeconds: 1e9 });
    await expect(lockRun(folder)).resolves.toBeTypeOf('function');
  });

  it('waits for a lock that is being written, but not for one cut short', async () => {
    await writeFile(path, '');
    await expect(lockRun(folder)).rejects.toMatchObject({ code: 'run-folder-occupied' });
    await utimes(path, 1, 1);
    await expect(lockRun(folder)).resolves.toBeTypeOf('function');
  });
});
