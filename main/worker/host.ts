import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FromWorker, Job, JobError, JobEvent, JobResults, ToWorker } from './messages.ts';

export type Outcome<T> =
  | { readonly kind: 'done'; readonly result: T; readonly peakRssBytes: number }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'failed'; readonly error: JobError; readonly stack?: string };

/** A job in its own process. */
export interface RunningJob<T> {
  readonly outcome: Promise<Outcome<T>>;
  /** Asks it to stop at the next layer. */
  cancel(): void;
  /** Ends its process at once. */
  kill(): void;
}

/** The bundle of worker/entry.ts, which the build puts beside whichever bundle this is. */
const workerFile = fileURLToPath(new URL('./worker.js', import.meta.url));

/** Starts a job in a process of its own; its stdout and stderr go to ours. */
export function startJob<J extends Job>(
  job: J,
  onEvent: (event: JobEvent) => void,
): RunningJob<JobResults[J['kind']]> {
  const child = fork(workerFile, { stdio: ['ignore', 2, 2, 'ipc'], execArgv: ['--enable-source-maps'] });
  const outcome = outcomeOf<JobResults[J['kind']]>(child, onEvent);
  send(child, { type: 'start', job });
  return {
    outcome,
    cancel: () => {
      send(child, { type: 'cancel' });
    },
    kill: () => child.kill('SIGKILL'),
  };
}

function outcomeOf<T>(child: ChildProcess, onEvent: (event: JobEvent) => void): Promise<Outcome<T>> {
  return new Promise((resolve) => {
    let outcome: Outcome<T> | undefined;
    child.on('message', (message: FromWorker) => {
      if (message.type === 'done') {
        outcome = { kind: 'done', result: message.result as T, peakRssBytes: message.peakRssBytes };
      } else if (message.type === 'cancelled') outcome = { kind: 'cancelled' };
      else if (message.type === 'failed') {
        const { error, stack } = message;
        outcome = { kind: 'failed', error, ...(stack !== undefined && { stack }) };
      } else onEvent(message);
    });
    child.on('error', (error) => {
      outcome ??= { kind: 'failed', error: crashed(error.message) };
    });
    child.on('close', (code, signal) => {
      resolve(
        outcome ?? {
          kind: 'failed',
          error: crashed(signal ? `signal ${signal}` : `exit code ${code ?? 'none'}`),
        },
      );
    });
  });
}

function crashed(how: string): JobError {
  return {
    code: 'worker-crashed',
    message: `The worker process ended before its job was done (${how}).`,
    facts: { how },
    hint: 'If the machine ran out of memory, set a smaller `memory`. What was finished is kept: resume the run.',
  };
}

function send(child: ChildProcess, message: ToWorker): void {
  if (child.connected) child.send(message);
}
