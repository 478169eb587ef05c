import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { QueueFile } from '../../main/studio/queue-file.ts';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';

it('keeps the runs in line, in their order, for the next start', async () => {
  const file = path.join(temporaryFolder(), 'queue.json');
  const open = (): Promise<QueueFile> => QueueFile.open(file, () => undefined);
  const queue = await open();
  expect(queue.runIds).toEqual([]);
  queue.keep(['a', 'b']);
  queue.keep(['b', 'a']);
  await queue.written();
  expect((await open()).runIds).toEqual(['b', 'a']);
  await rm(file);
  queue.keep(['b', 'a']);
  await queue.written();
  // Nothing has changed, so nothing was written.
  await expect(readFile(file)).rejects.toThrow('ENOENT');
});

it('warns where it cannot be written', async () => {
  const folder = temporaryFolder();
  const warnings: string[] = [];
  const queue = await QueueFile.open(path.join(folder, 'gone', 'queue.json'), (text) => warnings.push(text));
  queue.keep(['a']);
  await queue.written();
  expect(warnings).toHaveLength(1);
  expect(queue.runIds).toEqual(['a']);
});
