import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readError } from './file-errors.ts';
import { openForReading, readBytes } from './read-bytes.ts';

/** Large enough to be read at the pace of the disk, small enough to let others in between. */
const pieceBytes = 2 ** 20;

/**
 * sha256 of a file's bytes, in hex; `onPiece` hears the size of each piece that was read.
 * @throws EngineError file-missing, file-unreadable.
 */
export async function hashFile(
  path: string,
  onPiece: (sizeBytes: number) => void = () => undefined,
): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const piece of createReadStream(path, {
      highWaterMark: pieceBytes,
    }) as AsyncIterable<Buffer>) {
      hash.update(piece);
      onPiece(piece.length);
    }
  } catch (error) {
    throw readError(error, path);
  }
  return hash.digest('hex');
}

/** Reads a byte of it, which tells what reading all of it would. @throws EngineError file-missing, file-unreadable. */
export async function requireReadable(path: string): Promise<void> {
  const { handle, sizeBytes } = await openForReading(path);
  try {
    await readBytes(handle, path, 0, Math.min(1, sizeBytes));
  } finally {
    await handle.close();
  }
}
