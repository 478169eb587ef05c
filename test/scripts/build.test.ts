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

it('makes the bridge a script that finds all it needs in itself and in Electron', async () => {
  const bridge = await readFile('dist/preload.cjs', 'utf8');
  const required = [...bridge.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, name]) => name);
  expect(new Set(required)).toEqual(new Set(['electron']));
  expect(bridge).not.toMatch(/^(import|export) /m);
  // The contract's schemas are for main: the bridge has its types alone.
  expect(bridge.length).toBeLessThan(10_000);
});

it('makes the page of files that its protocol serves, under relative addresses', async () => {
  const page = await readFile('dist/renderer/index.html', 'utf8');
  expect(page).toContain('content="__CSP_NONCE__"');
  const addresses = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address);
  expect(addresses).not.toEqual([]);
  expect(addresses.filter((address) => !/^\.\/assets\/[\w-]+\.(js|css)$/.test(address))).toEqual([]);
});

it.each(['dist/app.js', 'dist/cli.js', 'dist/worker.js'])(
  'leaves the packages of %s to node_modules',
  async (bundle) => {
    const map: unknown = JSON.parse(await readFile(`${bundle}.map`, 'utf8'));
    const { sources } = map as { sources: string[] };
    expect(sources).not.toEqual([]);
    expect(
      sources.filter(
        (source) =>
          !/^\.\.\/(main|preload|resources\/(templates|chat-templates|tasks|published))\//.test(source),
      ),
    ).toEqual([]);
  },
);
