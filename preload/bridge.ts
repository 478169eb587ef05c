/** Runs before the page, sandboxed: it puts the contract on `window.studio`, and nothing else of Electron. */
import { contextBridge, ipcRenderer, webUtils } from 'electron';
import { channels } from './channels.ts';
import type { Answer, StreamMessage, StreamName, StudioBridge } from './contract.ts';

type Listener = (message: unknown) => void;

const listeners = new Map<string, Set<Listener>>();

ipcRenderer.on(channels.stream, (_event, name: string, message: unknown) => {
  for (const listener of listeners.get(name) ?? []) listener(message);
});

const bridge: StudioBridge = {
  call: (name, request) => ask(channels.call, name, request),
  dropped: (file) => ask(channels.dropped, pathOf(file)),
  listen: (name, listener) => listen(name, listener),
};
contextBridge.exposeInMainWorld('studio', bridge);

async function ask<T>(channel: string, ...args: readonly unknown[]): Promise<Answer<T>> {
  try {
    return (await ipcRenderer.invoke(channel, ...args)) as Answer<T>;
  } catch (error) {
    // What cannot be copied to another process never reaches main.
    const message = error instanceof Error ? error.message : String(error);
    return { ok: false, error: { code: 'request-invalid', message } };
  }
}

/** Empty for what a script made up: only a file that the person dropped has a path. */
function pathOf(file: unknown): string {
  return file instanceof File ? webUtils.getPathForFile(file) : '';
}

function listen<N extends StreamName>(name: N, listener: (message: StreamMessage<N>) => void): () => void {
  // Main sends under a name what the contract has under it.
  const hear = (message: unknown): void => {
    listener(message as StreamMessage<N>);
  };
  const heard = listeners.get(name) ?? new Set<Listener>();
  listeners.set(name, heard.add(hear));
  return () => {
    heard.delete(hear);
  };
}
