import { setImmediate } from 'node:timers/promises';

/** How a long step reports and learns that it should stop. */
export interface Pace {
  /** Called between units of work: yields to the event loop, so that a cancel can arrive, then throws if one has. */
  breathe(): Promise<void>;
  /** @param fraction Done so far, 0 to 1, of the step this pace was given for. */
  report(fraction: number): void;
}

/** Thrown by `breathe` when a person has cancelled: an outcome, not an error. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';
}

export function paceOf(signal: AbortSignal, report: (fraction: number) => void): Pace {
  return {
    report,
    async breathe() {
      await setImmediate();
      if (signal.aborted) throw new Cancelled('The run was cancelled.');
    },
  };
}

/** A pace for a part of a step: its 0 to 1 is `from` to `to` of the whole. */
export function partOf(pace: Pace, from: number, to: number): Pace {
  return {
    breathe: () => pace.breathe(),
    report: (fraction) => {
      pace.report(from + (to - from) * fraction);
    },
  };
}
