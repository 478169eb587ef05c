import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockRun } from '../../main/studio/run-lock.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'run-lock-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('lockRun', () => {
  it('keeps a second one out until it lets go', async () => {
    const release = await lockRun(folder);
    await expect(lockRun(folder)).rejects.toMatchObject({ code: 'run-folder-occupied' });
    await release();
    await (
      await lockRun(folder)
    )();
    expect(await readdir(folder)).toEqual([]);
  });

  it('takes over the lock of a process that has ended', async () => {
    const child = spawn(process.execPath, ['--eval', '']);
    await once(child, 'exit');
    await writeFile(join(folder, 'run.lock'), String(child.pid));
    await (
      await lockRun(folder)
    )();
    expect(await readdir(folder)).toEqual([]);
  });

  it('takes over a lock that was cut short while it was written', async () => {
    await writeFile(join(folder, 'run.lock'), '');
    await expect(lockRun(folder)).resolves.toBeTypeOf('function');
  });
});
