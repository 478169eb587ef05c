import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'test-totals-'));
});
afterEach(() => rm(folder, { recursive: true }));

interface Counts {
  readonly passed?: number;
  readonly failed?: number;
  readonly pending?: number;
  readonly todo?: number;
  readonly files?: readonly {
    readonly status: string;
    readonly assertionResults: readonly { status: string }[];
  }[];
}

async function totalsOf(...reports: Counts[]): Promise<{ status: number | null; stdout: string }> {
  for (const [index, { passed = 0, failed = 0, pending = 0, todo = 0, files = [] }] of reports.entries()) {
    const report = {
      numPassedTests: passed,
      numFailedTests: failed,
      numPendingTests: pending,
      numTodoTests: todo,
      testResults: files,
    };
    await writeFile(path.join(folder, `${index}.json`), JSON.stringify(report));
  }
  const { status, stdout } = spawnSync(process.execPath, ['scripts/test-totals.mjs', folder], {
    encoding: 'utf8',
  });
  return { status, stdout };
}

it('adds up the reports', async () => {
  expect(await totalsOf({ passed: 5 }, { passed: 2, pending: 1, todo: 1 })).toEqual({
    status: 0,
    stdout: '7 passed, 0 failed, 2 skipped\n',
  });
});

it('fails where a test failed, counting it once', async () => {
  const files = [{ status: 'failed', assertionResults: [{ status: 'passed' }, { status: 'failed' }] }];
  expect(await totalsOf({ passed: 1, failed: 1, files })).toEqual({
    status: 1,
    stdout: '1 passed, 1 failed\n',
  });
});

it('counts a file that did not load as a failure', async () => {
  const files = [{ status: 'failed', assertionResults: [] }];
  expect(await totalsOf({ passed: 3, files })).toEqual({ status: 1, stdout: '3 passed, 1 failed\n' });
});

it('fails where nothing ran', async () => {
  expect(await totalsOf()).toEqual({ status: 1, stdout: '0 passed, 0 failed\n' });
  expect(await totalsOf({ pending: 4 })).toEqual({ status: 1, stdout: '0 passed, 0 failed, 4 skipped\n' });
});
