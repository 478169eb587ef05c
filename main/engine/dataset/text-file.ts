import { openForReading, readBytes } from '../checkpoint/read-bytes.ts';
import { EngineError } from '../errors.ts';

/** V8 holds strings of at most 512 Mi characters; half of that leaves room for the tokenizer's copies. */
const maxFileBytes = 256 * 2 ** 20;

/** \r\n and \r as \n, as Python reads a text file: the same tokens as there, whatever system saved the file. */
export function unixNewlines(text: string): string {
  return text.replaceAll(/\r\n?/g, '\n');
}

/**
 * A file as UTF-8 text.
 * @throws EngineError file-missing, file-unreadable, limit-exceeded.
 */
export async function readText(path: string): Promise<string> {
  const { handle, sizeBytes } = await openForReading(path);
  try {
    if (sizeBytes > maxFileBytes) {
      throw new EngineError(
        'limit-exceeded',
        `${path} has ${sizeBytes} bytes; a text may have at most ${maxFileBytes}.`,
        { path, sizeBytes, maxFileBytes },
        'Take a part of the file: calibration and evaluation need far less.',
      );
    }
    const bytes = await readBytes(handle, path, 0, sizeBytes);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new EngineError('file-unreadable', `${path} is not UTF-8 text.`, { path }, 'Save it as UTF-8.');
  } finally {
    await handle.close();
  }
}
