import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ActivationStore } from '../../../main/engine/runtime/activation-store.ts';
import { numbers } from '../../../main/engine/runtime/session.ts';
import { bitsOf } from '../../fixtures/closeness.ts';
import { rejection } from '../checkpoint/rejection.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';

const some = (length: number, seed: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(seed * 1000 + i) / (i + 1));

const opened = (budgetBytes: number): { store: ActivationStore; scratchPath: string } => {
  const scratchPath = path.join(temporaryFolder(), 'scratch');
  return { store: new ActivationStore(scratchPath, budgetBytes), scratchPath };
};

describe('the activation store', () => {
  it.each([0, 1000, Infinity])(
    'gives back the bits it was given, with a budget of %d bytes',
    async (budgetBytes) => {
      const { store } = opened(budgetBytes);
      const all = Array.from({ length: 20 }, (_, i) => some(1 + 13 * i, i));
      for (const [i, values] of all.entries()) await store.put(`key ${i}`, values);
      for (const [i, values] of [...all.entries()].reverse()) {
        expect(bitsOf(numbers(await store.get(`key ${i}`)))).toEqual(bitsOf(values));
      }
      await store.close();
    },
  );

  it('keeps in memory what fits the budget, and makes no file for it', async () => {
    const { store, scratchPath } = opened(400);
    await store.put('a', some(100, 1));
    expect(existsSync(scratchPath)).toBe(false);
    await store.put('b', some(1, 2));
    expect(statSync(scratchPath).size).toBe(4);
    store.drop('a');
    await store.put('c', some(100, 3));
    expect(statSync(scratchPath).size).toBe(4);
    await store.close();
  });

  it('replaces what is put again under the same key, wherever the two lie', async () => {
    const { store } = opened(400);
    await store.put('a', some(100, 1));
    await store.put('a', some(50, 2));
    await store.put('b', some(50, 3));
    await store.put('b', some(70, 4));
    expect(await store.get('a')).toEqual(some(50, 2));
    expect(await store.get('b')).toEqual(some(70, 4));
    await store.put('b', some(10, 5));
    expect(await store.get('b')).toEqual(some(10, 5));
    await store.close();
  });

  it('uses a dropped place again, so that a pass over many layers needs the room of two', async () => {
    const { store, scratchPath } = opened(0);
    for (let layer = 0; layer < 10; layer++) {
      for (const size of [30, 50]) {
        await store.put(`${size} in ${layer}`, some(size, layer));
        if (layer > 0) store.drop(`${size} in ${layer - 1}`);
      }
    }
    expect(statSync(scratchPath).size).toBe(4 * 2 * (30 + 50));
    expect(await store.get('50 in 9')).toEqual(some(50, 9));
    await store.close();
  });

  it('says what is not there, and takes its file away at the end', async () => {
    const { store, scratchPath } = opened(0);
    await store.put('a', some(5, 1));
    expect((await rejection(store.get('b'))).message).toBe('No activation is kept under "b".');
    store.drop('a');
    expect((await rejection(store.get('a'))).code).toBe('graph-invalid');
    await store.close();
    expect(existsSync(scratchPath)).toBe(false);
  });

  it('says where it could not write', async () => {
    const store = new ActivationStore(path.join(temporaryFolder(), 'missing', 'scratch'), 0);
    expect((await rejection(store.put('a', some(5, 1)))).code).toBe('folder-not-writable');
  });
});
