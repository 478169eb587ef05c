import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'run-ts-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function run(
  source: string,
  ...scriptArguments: string[]
): Promise<{ status: number | null; output: string }> {
  const script = path.join(folder, 'sample.ts');
  await writeFile(script, source);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['scripts/run-ts.mjs', script, ...scriptArguments],
    { encoding: 'utf8' },
  );
  return { status, output: stdout + stderr };
}

it('runs TypeScript with its arguments and leaves no bundle behind', async () => {
  const source =
    'const words: string[] = process.argv.slice(2);\nconsole.log(words.join("+"));\nawait Promise.resolve();';
  expect(await run(source, '--steps', '3')).toEqual({ status: 0, output: '--steps+3\n' });
  expect((await readdir('dist')).filter((name) => name.startsWith('sample.'))).toEqual([]);
});

it('fails with the script, naming its own line', async () => {
  const { status, output } = await run('const why: string = "spent";\nthrow new Error(why);');
  expect(status).toBe(1);
  expect(output).toContain('Error: spent');
  expect(output).toContain('sample.ts:2');
});
