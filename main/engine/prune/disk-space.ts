import { statfs } from 'node:fs/promises';
import { EngineError } from '../errors.ts';

/** Beside the weights: headers, tokenizer files, reports. */
const marginBytes = 64 * 2 ** 20;

/** @throws EngineError disk-full where the folder's disk has no room for `sizeBytes` more. */
export async function requireDiskSpace(folder: string, sizeBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  if (freeBytes >= sizeBytes + marginBytes) return;
  throw new EngineError(
    'disk-full',
    `The pruned model needs ${sizeBytes} bytes in ${folder}, but only ${freeBytes} are free.`,
    { folder, sizeBytes, freeBytes },
    'Free some space, or choose another folder with --out.',
  );
}
