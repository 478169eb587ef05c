import type { SpawnWorker } from './channel.ts';
import type { HelperJob, Job, JobError, JobEvent, JobResults, Outcome } from './messages.ts';
import { spawnNodeWorker } from './node-worker.ts';

export type { Outcome } from './messages.ts';

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
  let helper: RunningJob<unknown> | undefined;
  const help = async (asked: HelperJob): Promise<void> => {
    const helping = startJob(asked, () => undefined, spawn, stderr);
    helper = helping;
    const helped = await helping.outcome;
    helper = undefined;
    worker.send({ type: 'helped', outcome: helped });
  };
  const worker = spawn({
    stderr,
    message: (message) => {
      if (message.type === 'done') {
        outcome = { kind: 'done', result: message.result as Result, peakRssBytes: message.peakRssBytes };
      } else if (message.type === 'cancelled') outcome = { kind: 'cancelled' };
      else if (message.type === 'failed') {
        const { error, stack } = message;
        outcome = { kind: 'failed', error, ...(stack !== undefined && { stack }) };
      } else if (message.type === 'help') void help(message.job);
      else onEvent(message);
      // It may go only now: what a process sends on its way out can be lost.
      if (outcome !== undefined) worker.send({ type: 'end' });
    },
    ended: (how) => {
      helper?.kill();
      end(outcome ?? { kind: 'failed', error: crashed(how) });
    },
  });
  worker.send({ type: 'start', job });
  return {
    outcome: ended,
    cancel: () => {
      helper?.cancel();
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
