/** So long a deleted run can be brought back while the studio is open: its disk space is wanted at some time. */
const purgeAfterMs = 10 * 60_000;

/** Deleted runs, each removed for good after a while unless it is asked back before. */
export class DeferredPurges {
  private readonly timers = new Map<string, NodeJS.Timeout>();

  constructor(
    private readonly purge: (runId: string) => Promise<void>,
    private readonly warn: (message: string) => void,
  ) {}

  add(runId: string): void {
    this.forget(runId);
    const purge = (): void => {
      this.purge(runId).catch((error: unknown) => {
        this.warn(`The deleted run ${runId} could not be removed: ${String(error)}`);
      });
    };
    this.timers.set(runId, setTimeout(purge, purgeAfterMs).unref());
  }

  forget(runId: string): void {
    clearTimeout(this.timers.get(runId));
    this.timers.delete(runId);
  }
}
