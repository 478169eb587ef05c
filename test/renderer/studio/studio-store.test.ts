import { afterEach, describe, expect, it, vi } from 'vitest';
import { StudioStore } from '../../../renderer/studio/studio-store.ts';
import { fakeBridge } from '../fixtures/fake-bridge.ts';

function connected(bridge = fakeBridge({ runs: true, stageMs: 200 })): StudioStore {
  vi.stubGlobal('window', { studio: bridge });
  const store = new StudioStore();
  store.connect(bridge);
  return store;
}

afterEach(() => vi.unstubAllGlobals());

describe('the studio store', () => {
  it('knows settings and runs once main has told', async () => {
    const store = connected();
    expect(store.getState().runs).toBeNull();
    await store.refreshed;
    expect(store.getState().runs).toHaveLength(6);
    expect(store.getState().info?.threads).toBe(8);
  });

  it('follows a run to its end, never backwards', async () => {
    const bridge = fakeBridge({ runs: true, stageMs: 200 });
    const store = connected(bridge);
    await store.refreshed;
    const seen: number[] = [];
    const order = ['evaluate-before', 'estimate', 'slice', 'evaluate-after'];
    store.subscribe(() => {
      const { stage, fraction } = store.getState().progress['run-2'] ?? { stage: null, fraction: 0 };
      if (stage !== null) seen.push(order.indexOf(stage) + fraction);
    });
    await bridge.call('run:resume', { runId: 'run-2' });
    await vi.waitFor(
      () => expect(store.getState().runs?.find(({ id }) => id === 'run-2')?.state).toBe('finished'),
      { timeout: 60_000 },
    );
    expect(seen.length).toBeGreaterThan(2);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });

  it('takes a changed setting back when main refuses it', async () => {
    const bridge = fakeBridge();
    const store = connected({
      ...bridge,
      call: async (name, request) =>
        name === 'settings:set'
          ? { ok: false, error: { code: 'folder-not-writable', message: 'The settings cannot be written.' } }
          : bridge.call(name, request),
    });
    await store.refreshed;
    const changing = store.changeSettings({ theme: 'dark' });
    expect(store.getState().settings.theme).toBe('dark');
    await changing;
    expect(store.getState().settings.theme).toBe('system');
    expect(store.getState().failure?.code).toBe('folder-not-writable');
  });

  it('says so when main cannot be reached', async () => {
    const bridge = fakeBridge();
    const store = connected({
      ...bridge,
      call: async () => ({ ok: false, error: { code: 'request-refused', message: 'No.' } }),
    });
    await store.refreshed;
    expect(store.getState().failure?.code).toBe('request-refused');
  });
});
