import { chmodSync, existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readJsonFile } from '../../../main/engine/checkpoint/read-json.ts';
import { rejection } from './rejection.ts';
import { canCountOpenFiles, openFilesBelow, temporaryFolder } from './temporary-folder.ts';

const maxBytes = 1000;

function fileWith(content: string | Uint8Array): string {
  const path = join(temporaryFolder(), 'config.json');
  writeFileSync(path, content);
  return path;
}

describe('readJsonFile', () => {
  it('reads a value', async () => {
    expect(await readJsonFile(fileWith('{"hidden_size": 64}'), { maxBytes })).toEqual({ hidden_size: 64 });
  });

  it('drops a byte order mark', async () => {
    expect(await readJsonFile(fileWith('\ufeff[1]'), { maxBytes })).toEqual([1]);
  });

  it('keeps __proto__ a key like any other', async () => {
    const value = await readJsonFile(fileWith('{"__proto__": {"polluted": true}}'), { maxBytes });
    expect(Object.keys(value as object)).toEqual(['__proto__']);
    expect(value).not.toHaveProperty('polluted');
  });

  it('says in which line and column the text is wrong', async () => {
    const path = fileWith('{\n  "a": 1,\n  "b": x\n}');
    const error = await rejection(readJsonFile(path, { maxBytes }));
    expect(error).toMatchObject({
      code: 'json-invalid',
      message: `${path} is not valid JSON: line 3, column 8: expected a value, found "x"`,
      facts: { path, position: 19, line: 3, column: 8 },
    });
  });

  it.each([
    ['an empty file', ''],
    ['a cut-off file', '{"a": [1, 2'],
    ['a file that is not UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
    ['a UTF-16 file', Buffer.from('\ufeff{}', 'utf16le')],
  ])('refuses %s', async (_, content) => {
    expect(await rejection(readJsonFile(fileWith(content), { maxBytes }))).toMatchObject({
      code: 'json-invalid',
    });
  });

  it('refuses a file above the limit, and takes one at the limit', async () => {
    const path = fileWith('"' + 'x'.repeat(98) + '"');
    await expect(readJsonFile(path, { maxBytes: 100 })).resolves.toHaveLength(98);
    const error = await rejection(readJsonFile(path, { maxBytes: 99 }));
    expect(error).toMatchObject({ code: 'limit-exceeded', facts: { sizeBytes: 100, maxBytes: 99 } });
  });

  it('names a missing file', async () => {
    const path = join(temporaryFolder(), 'config.json');
    const error = await rejection(readJsonFile(path, { maxBytes }));
    expect(error).toMatchObject({ code: 'file-missing', message: `${path} does not exist` });
  });

  it('says of a path below a file that it does not exist', async () => {
    const path = join(fileWith('{}'), 'config.json');
    expect(await rejection(readJsonFile(path, { maxBytes }))).toMatchObject({ code: 'file-missing' });
  });

  it('says that a folder is not a file', async () => {
    const error = await rejection(readJsonFile(temporaryFolder(), { maxBytes }));
    expect(error.code).toBe('file-unreadable');
    expect(error.message).toContain('is a folder, not a file');
  });

  it.runIf(existsSync('/dev/zero'))('does not read a device, which may have no end', async () => {
    const path = join(temporaryFolder(), 'config.json');
    symlinkSync('/dev/zero', path);
    const error = await rejection(readJsonFile(path, { maxBytes }));
    expect(error).toMatchObject({
      code: 'file-unreadable',
      message: expect.stringContaining('a device or a pipe'),
    });
  });

  // Permissions do not bind root, and Windows has others.
  it.skipIf(process.platform === 'win32' || process.getuid?.() === 0)(
    'says that permission is missing',
    async () => {
      const path = fileWith('{}');
      chmodSync(path, 0);
      expect(await rejection(readJsonFile(path, { maxBytes }))).toMatchObject({
        code: 'file-unreadable',
        message: `${path} may not be read: permission denied`,
      });
    },
  );

  it.runIf(canCountOpenFiles)('closes the file, whether it could be read or not', async () => {
    const path = fileWith('{}');
    await readJsonFile(path, { maxBytes });
    await rejection(readJsonFile(path, { maxBytes: 1 }));
    expect(openFilesBelow(path)).toEqual([]);
  });
});
