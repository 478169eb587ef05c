import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SpawnWorker } from './channel.ts';
import type { FromWorker } from './messages.ts';

/** The bundle of worker/entry.ts, which the build puts beside whichever bundle this is. */
export const workerFile = fileURLToPath(new URL('./worker.js', import.meta.url));

/** A worker forked from Node; its stdout and stderr go to our stderr. */
export const spawnNodeWorker: SpawnWorker = (listener) => {
  const stderr = listener.stderr === undefined ? 2 : 'pipe';
  const child = fork(workerFile, { stdio: ['ignore', 2, stderr, 'ipc'], execArgv: ['--enable-source-maps'] });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => listener.stderr?.(text));
  let failure: string | undefined;
  child.on('message', (message: FromWorker) => {
    listener.message(message);
  });
  child.on('error', (error) => {
    failure ??= error.message;
  });
  child.on('close', (code, signal) => {
    listener.ended(failure ?? (signal === null ? `exit code ${code ?? 'none'}` : `signal ${signal}`));
  });
  return {
    send: (message) => {
      if (child.connected) child.send(message);
    },
    kill: () => child.kill('SIGKILL'),
  };
};
