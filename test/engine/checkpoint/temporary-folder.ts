import { existsSync, mkdtempSync, readlinkSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** An empty folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'studio-checkpoint-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export const canCountOpenFiles = existsSync('/proc/self/fd');

/** The files below `folder` that this process holds open, one entry per descriptor. */
export function openFilesBelow(folder: string): string[] {
  return readdirSync('/proc/self/fd')
    .map((descriptor) => {
      try {
        return readlinkSync(join('/proc/self/fd', descriptor));
      } catch {
        return ''; // the descriptor of the listing itself
      }
    })
    .filter((target) => target.startsWith(folder));
}
