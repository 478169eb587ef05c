import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes of all files below a folder, as far as they are there: some may vanish while a run is at work. */
export async function sizeBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  let sizeBytes = 0;
  for (const entry of entries) {
    const path = join(folder, entry.name);
    sizeBytes += entry.isDirectory()
      ? await sizeBelow(path)
      : await stat(path).then(
          ({ size }) => size,
          () => 0,
        );
  }
  return sizeBytes;
}
