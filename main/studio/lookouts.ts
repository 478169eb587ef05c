import { EngineError } from '../engine/errors.ts';
import type { SpawnWorker } from '../worker/channel.ts';
import { startJob, type RunningJob } from '../worker/host.ts';
import type { Job, JobResults } from '../worker/messages.ts';
import { Refusal } from './refusal.ts';

type LookJob = Extract<
  Job,
  { kind: 'preview-text' | 'measure-text' | 'preview-training' | 'forecast-training' }
>;

/** Looks ahead in worker processes of their own: megabytes are read, layers measured, while the window stays free. */
export class Lookouts {
  private readonly current = new Map<LookJob['kind'], RunningJob<unknown>>();

  constructor(private readonly spawn: SpawnWorker) {}

  /**
   * Does the job in place of an earlier one of its kind, which nobody waits for any more.
   * @throws EngineError as the worker's; Refusal superseded.
   */
  async look<J extends LookJob>(job: J): Promise<JobResults[J['kind']]> {
    this.current.get(job.kind)?.kill();
    const running = startJob(job, () => undefined, this.spawn);
    this.current.set(job.kind, running);
    const outcome = await running.outcome;
    if (this.current.get(job.kind) !== running) {
      throw new Refusal('superseded', 'A later request has taken the place of this one.');
    }
    this.current.delete(job.kind);
    if (outcome.kind === 'done') return outcome.result;
    if (outcome.kind === 'cancelled') throw new Refusal('superseded', 'The preview was ended.');
    const { code, message, facts, hint } = outcome.error;
    throw new EngineError(code, message, facts, hint);
  }

  /** Ends what is at work. */
  close(): void {
    for (const running of this.current.values()) running.kill();
  }
}
