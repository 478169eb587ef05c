import { type FileHandle, open, stat } from 'node:fs/promises';
import { EngineError } from '../errors.ts';
import { readError } from './file-errors.ts';

/** Linux cuts one read call at 2 GiB - 4 KiB and macOS refuses 2 GiB; pieces stay well below either. */
const PIECE_BYTES = 256 * 1024 * 1024;

/**
 * Opens a regular file, whose size in bytes is the one it has now.
 * Throws file-missing, or file-unreadable: not permitted, a folder, a device.
 */
export async function openForReading(path: string): Promise<{ handle: FileHandle; sizeBytes: number }> {
  await requireRegularFile(path);
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'r');
    return { handle, sizeBytes: (await handle.stat()).size };
  } catch (error) {
    await handle?.close();
    throw readError(error, path);
  }
}

/** Looks before opening: opening a named pipe would wait for its other end, possibly for ever. */
async function requireRegularFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    throw readError(error, path);
  });
  if (found.isFile()) return;
  throw new EngineError(
    'file-unreadable',
    `${path} is ${found.isDirectory() ? 'a folder' : 'a device or a pipe'}, not a file`,
    { path },
    'Name a file.',
  );
}

/**
 * Bytes [offset, offset + sizeBytes) of an open file, in an ArrayBuffer of their own, so that a typed view of any
 * element size fits. Throws file-unreadable when the file ends before, memory-exceeded when there is no room.
 */
export async function readBytes(
  handle: FileHandle,
  path: string,
  offset: number,
  sizeBytes: number,
): Promise<Uint8Array> {
  const bytes = allocate(sizeBytes, path);
  let done = 0;
  while (done < sizeBytes) {
    const length = Math.min(sizeBytes - done, PIECE_BYTES);
    const bytesRead = await readPiece(handle, path, bytes, done, length, offset + done);
    if (bytesRead === 0) throw endedEarly(path, offset + done, offset + sizeBytes);
    done += bytesRead;
  }
  return bytes;
}

async function readPiece(
  handle: FileHandle,
  path: string,
  bytes: Uint8Array,
  at: number,
  length: number,
  position: number,
): Promise<number> {
  try {
    return (await handle.read(bytes, at, length, position)).bytesRead;
  } catch (error) {
    throw readError(error, path);
  }
}

/** Not from Node's shared pool, and not zeroed: every byte is read over, or an error is thrown. */
function allocate(sizeBytes: number, path: string): Uint8Array {
  try {
    return Buffer.allocUnsafeSlow(sizeBytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new EngineError(
      'memory-exceeded',
      `no memory for the ${sizeBytes} bytes to read from ${path}`,
      { path, sizeBytes },
      'Close other programs, or give the run a smaller memory budget.',
    );
  }
}

function endedEarly(path: string, foundEnd: number, expectedEnd: number): EngineError {
  return new EngineError(
    'file-unreadable',
    `${path} ends at byte ${foundEnd}, but was longer when it was opened: byte ${expectedEnd} was expected`,
    { path, foundEnd, expectedEnd },
    'Another program is changing the file. Wait until it is done, then start again.',
  );
}
