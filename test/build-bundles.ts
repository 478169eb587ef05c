import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';

import type { TestProject } from 'vitest/node';

/**
 * Builds dist/ once before the tests, so that those of the command line run what users run.
 *
 * A tree that does not build leaves no bundle behind: the tests that start one fail, and the others still tell.
 */
export function setup({ config: { root } }: TestProject): void {
  const { status } = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' });
  if (status === 0) return;
  for (const made of ['app.js', 'cli.js', 'preload.cjs', 'renderer', 'worker.js']) {
    rmSync(path.join(root, 'dist', made), { recursive: true, force: true });
  }
}
