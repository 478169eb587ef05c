import type { SpawnWorker } from './channel.ts';
import type { Job, JobError, JobEvent, JobResults } from './messages.ts';
import { spawnNodeWorker } from './node-worker.ts';

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

/** Starts a job in a process of its own. */
export function startJob<J extends Job>(
  job: J,
  onEvent: (event: JobEvent) => void,
  spawn: SpawnWorker = spawnNodeWorker,
  stderr?: (text: string) => void,
): RunningJob<JobResults[J['kind']]> {
  type Result = JobResults[J['kind']];
  let outcome: Outcome<Result> | undefined;
  let end: (outcome: Outcome<Result>) => void;
  const ended = new Promise<Outcome<Result>>((resolve) => {
    end = resolve;
  });
  const worker = spawn({
    stderr,
    message: (message) => {
      if (message.type === 'done') {
        outcome = { kind: 'done', result: message.result as Result, peakRssBytes: message.peakRssBytes };
      } else if (message.type === 'cancelled') outcome = { kind: 'cancelled' };
      else if (message.type === 'failed') {
        const { error, stack } = message;
        outcome = { kind: 'failed', error, ...(stack !== undefined && { stack }) };
      } else onEvent(message);
      // It may go only now: what a process sends on its way out can be lost.
      if (outcome !== undefined) worker.send({ type: 'end' });
    },
    ended: (how) => {
      end(outcome ?? { kind: 'failed', error: crashed(how) });
    },
  });
  worker.send({ type: 'start', job });
  return {
    outcome: ended,
    cancel: () => {
      worker.send({ type: 'cancel' });
    },
    kill: () => {
      worker.kill();
    },
  };
}

function crashed(how: string): JobError {
  return {
    code: 'worker-crashed',
    message: `The worker process ended before its job was done (${how}).`,
    facts: { how },
    hint: 'If the machine ran out of memory, set a smaller `memory`. What was finished is kept: resume the run.',
  };
}
