import { stat } from 'node:fs/promises';
import { readError } from '../engine/checkpoint/file-errors.ts';
import { hashFile } from '../engine/checkpoint/hash-file.ts';
import type { Job } from './messages.ts';

/** @throws EngineError as hashFile. */
export async function hashFiles(
  { paths }: Extract<Job, { kind: 'hash-files' }>,
  report: (fraction: number) => void,
): Promise<string[]> {
  const totalBytes = (await Promise.all(paths.map(sizeOf))).reduce((total, size) => total + size, 0);
  let doneBytes = 0;
  const hashes: string[] = [];
  for (const path of paths) {
    hashes.push(
      await hashFile(path, (sizeBytes) => {
        doneBytes += sizeBytes;
        // A file may grow meanwhile.
        report(Math.min(1, doneBytes / totalBytes));
      }),
    );
  }
  return hashes;
}

async function sizeOf(path: string): Promise<number> {
  const { size } = await stat(path).catch((error: unknown) => {
    throw readError(error, path);
  });
  return size;
}
