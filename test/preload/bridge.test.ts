import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { StudioBridge } from '../../preload/contract.ts';

const electron = vi.hoisted(() => ({
  exposed: new Map<string, unknown>(),
  listeners: new Map<string, (event: unknown, ...args: unknown[]) => void>(),
  invoke: vi.fn(),
  getPathForFile: vi.fn(),
}));

vi.mock('electron', () => ({
  contextBridge: {
    exposeInMainWorld: (name: string, value: unknown) => electron.exposed.set(name, value),
  },
  ipcRenderer: {
    on: (channel: string, listener: () => void) => electron.listeners.set(channel, listener),
    invoke: electron.invoke,
  },
  webUtils: { getPathForFile: electron.getPathForFile },
}));

let bridge: StudioBridge;
beforeEach(async () => {
  vi.resetModules();
  vi.resetAllMocks();
  electron.exposed.clear();
  await import('../../preload/bridge.ts');
  bridge = electron.exposed.get('studio') as StudioBridge;
});

const send = (name: string, message: unknown): void => {
  electron.listeners.get('studio:stream')?.({ sender: 'of the event' }, name, message);
};

it('the page gets the bridge, and nothing else', () => {
  expect([...electron.exposed.keys()]).toEqual(['studio']);
  expect(Object.keys(bridge).sort()).toEqual(['call', 'dropped', 'listen']);
});

describe('a call', () => {
  it('goes to main under its name, and its answer comes back as it is', async () => {
    const answer = { ok: true, value: [] };
    electron.invoke.mockResolvedValue(answer);
    expect(await bridge.call('model:inspect', { modelId: 'a' })).toBe(answer);
    expect(electron.invoke).toHaveBeenCalledExactlyOnceWith('studio:call', 'model:inspect', { modelId: 'a' });
  });

  it('that cannot be sent is answered, not rejected', async () => {
    electron.invoke.mockRejectedValue(new Error('An object could not be cloned.'));
    expect(await bridge.call('run:list', undefined)).toEqual({
      ok: false,
      error: { code: 'request-invalid', message: 'An object could not be cloned.' },
    });
  });
});

describe('a dropped file', () => {
  it('is sent as the path that Electron knows it by', async () => {
    const file = new File(['x'], 'text.txt');
    electron.getPathForFile.mockReturnValue('/home/person/text.txt');
    await bridge.dropped(file);
    expect(electron.getPathForFile).toHaveBeenCalledExactlyOnceWith(file);
    expect(electron.invoke).toHaveBeenCalledExactlyOnceWith('studio:dropped', '/home/person/text.txt');
  });

  it.each(['/etc/passwd', { path: '/etc/passwd' }, null])('that is %o has no path', async (made) => {
    await bridge.dropped(made as unknown as File);
    expect(electron.getPathForFile).not.toHaveBeenCalled();
    expect(electron.invoke).toHaveBeenCalledExactlyOnceWith('studio:dropped', '');
  });
});

describe('a stream', () => {
  it('is heard under its own name, without the event, until it is not listened to any more', () => {
    const settings = vi.fn();
    const runs = vi.fn();
    const stop = bridge.listen('settings:changed', settings);
    bridge.listen('run:changed', runs);
    send('settings:changed', { theme: 'dark' });
    send('no:such-stream', {});
    stop();
    stop();
    send('settings:changed', { theme: 'light' });
    expect(settings.mock.calls).toEqual([[{ theme: 'dark' }]]);
    expect(runs).not.toHaveBeenCalled();
  });

  it('is heard by everyone who listens, each for themselves', () => {
    const heard = vi.fn();
    const stopFirst = bridge.listen('settings:changed', heard);
    bridge.listen('settings:changed', heard);
    send('settings:changed', 1);
    stopFirst();
    send('settings:changed', 2);
    expect(heard.mock.calls).toEqual([[1], [1], [2]]);
  });
});
