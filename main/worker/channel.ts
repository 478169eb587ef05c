import type { FromWorker, ToWorker } from './messages.ts';

/** A started worker process, whatever started it. */
export interface WorkerProcess {
  send(message: ToWorker): void;
  /** Ends the process at once. */
  kill(): void;
}

export interface WorkerListener {
  message(message: FromWorker): void;
  /** Takes what the process writes to its stderr; where it is left out that goes to ours. */
  stderr?: ((text: string) => void) | undefined;
  /** The process is gone; nothing more comes. `how` completes "The worker process ended (…)". */
  ended(how: string): void;
}

/** Starts main/worker/entry.ts in a process of its own: from Node and from Electron in their own ways. */
export type SpawnWorker = (listener: WorkerListener) => WorkerProcess;
