import { describe, expect, it } from 'vitest';
import { errnoOf, readError, writeError } from '../../../main/engine/checkpoint/file-errors.ts';

/** As Node makes them; some cannot be provoked on every machine, such as a used-up quota. */
function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: refused`), { code, syscall: 'open', errno: -1 });
}

describe('readError', () => {
  it.each([
    ['ENOENT', 'file-missing', 'does not exist'],
    ['ENOTDIR', 'file-missing', 'does not exist'],
    ['EACCES', 'file-unreadable', 'permission denied'],
    ['EPERM', 'file-unreadable', 'permission denied'],
    ['EISDIR', 'file-unreadable', 'is a folder'],
    ['EMFILE', 'file-unreadable', 'too many files are open'],
    ['EIO', 'file-unreadable', 'EIO: refused'],
  ])('%s is %s', (errno, code, sentence) => {
    const error = readError(systemError(errno), '/model/config.json');
    expect(error).toMatchObject({
      code,
      facts: { path: '/model/config.json', errno },
      hint: expect.any(String),
    });
    expect(error).toMatchObject({ message: expect.stringMatching(/^\/model\/config\.json /) });
    expect(error).toMatchObject({ message: expect.stringContaining(sentence) });
  });
});

describe('writeError', () => {
  it.each([
    ['ENOSPC', 'disk-full', 'the disk is full'],
    ['EDQUOT', 'disk-full', 'quota'],
    ['EFBIG', 'limit-exceeded', 'larger than its file system allows'],
    ['EACCES', 'folder-not-writable', 'permission denied'],
    ['EPERM', 'folder-not-writable', 'permission denied'],
    ['EROFS', 'folder-not-writable', 'read-only'],
    ['ENOENT', 'folder-not-writable', 'its folder does not exist'],
    ['EIO', 'folder-not-writable', 'EIO: refused'],
  ])('%s is %s', (errno, code, sentence) => {
    const error = writeError(systemError(errno), '/run/report.json', { writtenBytes: 7 });
    expect(error).toMatchObject({ code, facts: { path: '/run/report.json', errno, writtenBytes: 7 } });
    expect(error).toMatchObject({ message: expect.stringContaining(sentence), hint: expect.any(String) });
  });
});

describe('errors that are not the operating system’s', () => {
  it.each([
    new Error('cancelled'),
    Object.assign(new Error('bad argument'), { code: 'ERR_INVALID_ARG_TYPE' }),
    'text',
  ])('stay as they are: %s', (error) => {
    expect(errnoOf(error)).toBeUndefined();
    expect(readError(error, '/a')).toBe(error);
    expect(writeError(error, '/a')).toBe(error);
  });
});
