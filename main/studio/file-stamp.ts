import { stat } from 'node:fs/promises';
import { readError } from '../engine/checkpoint/file-errors.ts';

/**
 * What a file system tells of a file that changes whenever somebody writes to it: size, times to the nanosecond and
 * inode. The time of the last change is among them, which no program sets back as it can the time of the last write.
 * @throws EngineError file-missing, file-unreadable.
 */
export async function fileStamp(path: string): Promise<string> {
  const { size, mtimeNs, ctimeNs, ino } = await stat(path, { bigint: true }).catch((error: unknown) => {
    throw readError(error, path);
  });
  return [size, mtimeNs, ctimeNs, ino].join(' ');
}
