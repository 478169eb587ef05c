import { constants, setPriority } from 'node:os';
import { utilityProcess } from 'electron';
import type { SpawnWorker } from './worker/channel.ts';
import type { FromWorker } from './worker/messages.ts';
import { workerFile } from './worker/node-worker.ts';

/** The window has little to do, and a person waits for it: a worker that computes on every core comes second. */
function giveWay(processId: number): void {
  try {
    setPriority(processId, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It has ended already, or the system has another policy.
  }
}

/** A worker in a utility process of Electron: it has Node, but no window, and ends with the studio. */
export const spawnUtilityWorker: SpawnWorker = (listener) => {
  const stderr = listener.stderr === undefined ? 'inherit' : 'pipe';
  const child = utilityProcess.fork(workerFile, [], {
    serviceName: 'LLM-Pruner worker',
    stdio: ['ignore', 'inherit', stderr],
  });
  child.stderr?.on('data', (text: Buffer) => listener.stderr?.(text.toString('utf8')));
  let ended = false;
  let killed = false;
  const kill = (): void => {
    killed = true;
    // child.kill() asks politely, which a process that computes does not hear.
    if (!ended && child.pid !== undefined) process.kill(child.pid, 'SIGKILL');
  };
  child.on('spawn', () => {
    if (killed) kill();
    else if (child.pid !== undefined) giveWay(child.pid);
  });
  child.on('message', (message: FromWorker) => {
    listener.message(message);
  });
  child.on('exit', (code) => {
    ended = true;
    listener.ended(`exit code ${code}`);
  });
  return {
    send: (message) => {
      if (!ended) child.postMessage(message);
    },
    kill,
  };
};
