import type { FromWorker, ToWorker } from './messages.ts';

/** What a worker hears from the process that started it. */
interface ParentListener {
  readonly message: (message: ToWorker) => void;
  readonly gone: () => void;
}

interface Parent {
  listen(listener: ParentListener): void;
  send(message: FromWorker): void;
}

/** How a utility process of Electron talks to main. */
interface ParentPort {
  on(event: 'message', listener: (event: { readonly data: unknown }) => void): unknown;
  postMessage(message: unknown): void;
}

const { parentPort } = process as { readonly parentPort?: ParentPort };

/** The process that started this one: Electron's main process, or Node. */
export const parent: Parent = parentPort === undefined ? nodeParent() : electronParent(parentPort);

/** Electron ends its utility processes with itself, even while they compute. */
function electronParent(port: ParentPort): Parent {
  return {
    listen: ({ message }) => {
      port.on('message', ({ data }) => {
        message(data as ToWorker);
      });
    },
    send: (message) => {
      port.postMessage(message);
    },
  };
}

function nodeParent(): Parent {
  return {
    listen: ({ message, gone }) => {
      process.on('message', message);
      process.on('disconnect', gone);
    },
    send: (message) => {
      process.send?.(message);
    },
  };
}
