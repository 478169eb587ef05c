import { type PathLike, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import type * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { writeFileAtomic } from '../../../main/engine/checkpoint/atomic-file.ts';
import { rejection } from './rejection.ts';
import { canCountOpenFiles, openFilesBelow, temporaryFolder } from './temporary-folder.ts';

const refusals = vi.hoisted((): string[] => []);

// The real file system, except that the next renames fail with the errnos in `refusals`.
vi.mock('node:fs/promises', async (importOriginal) => {
  const actual = await importOriginal<typeof fs>();
  const rename = async (from: PathLike, to: PathLike): Promise<void> => {
    const code = refusals.shift();
    if (code !== undefined) throw Object.assign(new Error(`${code}: refused`), { code, syscall: 'rename' });
    await actual.rename(from, to);
  };
  return { ...actual, rename };
});

afterEach(() => {
  refusals.length = 0;
  vi.restoreAllMocks();
});

describe('writeFileAtomic', () => {
  it('writes text as UTF-8, and bytes as they are', async () => {
    const folder = temporaryFolder();
    await writeFileAtomic(join(folder, 'a.txt'), 'Größe');
    await writeFileAtomic(join(folder, 'b.bin'), Uint8Array.of(0, 255, 10).subarray(1));
    expect(readFileSync(join(folder, 'a.txt'), 'utf8')).toBe('Größe');
    expect([...readFileSync(join(folder, 'b.bin'))]).toEqual([255, 10]);
    expect(readdirSync(folder).sort()).toEqual(['a.txt', 'b.bin']);
  });

  it('replaces an older file', async () => {
    const path = join(temporaryFolder(), 'a.txt');
    await writeFileAtomic(path, 'a long first version');
    await writeFileAtomic(path, 'second');
    expect(readFileSync(path, 'utf8')).toBe('second');
  });

  it('keeps one whole version when many are written at once', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.txt');
    const versions = Array.from({ length: 20 }, (_, i) => String(i).repeat(50_000));
    await Promise.all(versions.map((version) => writeFileAtomic(path, version)));
    expect(versions).toContain(readFileSync(path, 'utf8'));
    expect(readdirSync(folder)).toEqual(['a.txt']);
  });

  it.each([
    ['below a regular file', 'file/report.json', 'its folder does not exist'],
    ['in a missing folder', 'missing/report.json', 'its folder does not exist'],
    ['over a folder', 'folder', 'a folder has that name'],
  ])('cannot write %s', async (_, name, sentence) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    mkdirSync(join(folder, 'folder'));
    const error = await rejection(writeFileAtomic(join(folder, name), 'text'));
    expect(error).toMatchObject({ code: 'folder-not-writable', message: expect.stringContaining(sentence) });
    expect(readdirSync(folder).sort()).toEqual(['file', 'folder']);
  });

  it.runIf(process.platform === 'linux')('cannot write where the system allows nobody to', async () => {
    const error = await rejection(writeFileAtomic('/sys/report.json', 'text'));
    expect(error).toMatchObject({
      code: 'folder-not-writable',
      message: expect.stringContaining('/sys/report.json'),
    });
  });

  it('leaves the old file and nothing else when the rename fails', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.txt');
    await writeFileAtomic(path, 'old');
    refusals.push('ENOSPC');
    expect(await rejection(writeFileAtomic(path, 'new'))).toMatchObject({ code: 'disk-full' });
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['a.txt']);
    if (canCountOpenFiles) expect(openFilesBelow(folder)).toEqual([]);
  });

  it('waits on Windows while a virus scanner holds the file', async () => {
    vi.spyOn(process, 'platform', 'get').mockReturnValue('win32');
    const path = join(temporaryFolder(), 'a.txt');
    refusals.push('EPERM', 'EBUSY', 'EACCES');
    await writeFileAtomic(path, 'text');
    expect(readFileSync(path, 'utf8')).toBe('text');
  });

  it('gives up on Windows after a second', async () => {
    vi.spyOn(process, 'platform', 'get').mockReturnValue('win32');
    refusals.push(...Array.from({ length: 5 }, () => 'EPERM'));
    const error = await rejection(writeFileAtomic(join(temporaryFolder(), 'a.txt'), 'text'));
    expect(error).toMatchObject({
      code: 'folder-not-writable',
      message: expect.stringContaining('permission denied'),
    });
    expect(refusals).toEqual([]);
  });

  it('does not wait elsewhere', async () => {
    vi.spyOn(process, 'platform', 'get').mockReturnValue('linux');
    refusals.push('EPERM', 'never asked');
    const error = await rejection(writeFileAtomic(join(temporaryFolder(), 'a.txt'), 'text'));
    expect(error.code).toBe('folder-not-writable');
    expect(refusals).toEqual(['never asked']);
  });
});
