import { EngineError, type ErrorFacts } from '../errors.ts';

/** The operating system's word for a failed call, such as ENOENT; undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** What a failed read of `path` means to a person; an error that is not the operating system's is returned as is. */
export function readError(error: unknown, path: string): unknown {
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  const facts = { path, errno };
  switch (errno) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new EngineError('file-missing', `${path} does not exist`, facts, 'Check the path.');
    case 'EACCES':
    case 'EPERM':
      return new EngineError(
        'file-unreadable',
        `${path} may not be read: permission denied`,
        facts,
        'Give yourself permission to read it, or copy it to a folder of your own.',
      );
    case 'EISDIR':
      return new EngineError('file-unreadable', `${path} is a folder, not a file`, facts, 'Name a file.');
    case 'EMFILE':
    case 'ENFILE':
      return new EngineError(
        'file-unreadable',
        `${path} could not be opened: too many files are open`,
        facts,
        'Raise the limit of open files (ulimit -n), or close other programs.',
      );
    default:
      return new EngineError(
        'file-unreadable',
        `${path} could not be read: ${reasonOf(error)}`,
        facts,
        'Check the disk that holds it.',
      );
  }
}

/** What a failed write of `path` means to a person; an error that is not the operating system's is returned as is. */
export function writeError(error: unknown, path: string, sizes: ErrorFacts = {}): unknown {
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  const facts = { path, errno, ...sizes };
  switch (errno) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new EngineError(
        'disk-full',
        `${path} could not be written: ${errno === 'ENOSPC' ? 'the disk is full' : 'the disk quota is used up'}`,
        facts,
        'Free some space, or choose a folder on another disk.',
      );
    case 'EFBIG':
      return new EngineError(
        'limit-exceeded',
        `${path} could not be written: the file is larger than its file system allows`,
        facts,
        'Choose smaller shards, or a disk formatted for large files.',
      );
    case 'ENOENT':
    case 'ENOTDIR':
      return notWritable(path, 'its folder does not exist', facts, 'Choose an existing folder.');
    case 'EROFS':
      return notWritable(
        path,
        'the disk is read-only',
        facts,
        'Choose a folder on a disk that can be written.',
      );
    case 'EACCES':
    case 'EPERM':
      return notWritable(
        path,
        'permission denied',
        facts,
        'Choose a folder of your own, or change its permissions.',
      );
    case 'EEXIST':
      return notWritable(path, 'a file has that name', facts, 'Choose another folder, or rename that file.');
    case 'EISDIR':
      return notWritable(path, 'a folder has that name', facts, 'Rename that folder, or choose another one.');
    default:
      return notWritable(path, reasonOf(error), facts, 'Check the disk, or choose a folder on another one.');
  }
}

function notWritable(path: string, reason: string, facts: ErrorFacts, hint: string): EngineError {
  return new EngineError('folder-not-writable', `${path} could not be written: ${reason}`, facts, hint);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
