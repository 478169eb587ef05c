import { readFile, stat } from 'node:fs/promises';

import { expect, it } from 'vitest';

it('makes the command line a file that a shell starts', async () => {
  expect((await readFile('dist/cli.js', 'utf8')).split('\n')[0]).toBe('#!/usr/bin/env node');
  expect((await stat('dist/cli.js')).mode & 0o111).toBe(0o111);
});

it('makes the worker a module that only a process starts', async () => {
  expect((await readFile('dist/worker.js', 'utf8')).startsWith('#!')).toBe(false);
  expect((await stat('dist/worker.js')).mode & 0o111).toBe(0);
});

it.each(['dist/cli.js', 'dist/worker.js'])('leaves the packages of %s to node_modules', async (bundle) => {
  const map: unknown = JSON.parse(await readFile(`${bundle}.map`, 'utf8'));
  const { sources } = map as { sources: string[] };
  expect(sources).not.toEqual([]);
  expect(sources.filter((source) => !source.startsWith('../main/'))).toEqual([]);
});
