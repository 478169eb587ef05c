import type { Pace } from '../../runtime/pace.ts';

/** What is timed: the same work for every model. */
export interface CostSettings {
  /** Rows that grow together. */
  readonly batchSizes: readonly number[];
  /** Tokens a row is begun with. */
  readonly promptLengths: readonly number[];
  /** Tokens a row grows by, one at a time. */
  readonly newTokens: number;
  /** Rounds that are timed, after one that is not. */
  readonly repeats: number;
}

/** One size of work. */
export interface CostPoint {
  readonly batchSize: number;
  readonly promptLength: number;
}

/** Rows under way. */
export interface TimedText {
  prefill(): Promise<void>;
  /** A token more in every row. */
  decode(): Promise<void>;
}

/** A model that is timed. */
export interface TimedModel {
  begin(point: CostPoint): TimedText;
}

/** Milliseconds of one model by round: of the prompt, and of each new token. */
export interface Times {
  readonly prefillMs: readonly (readonly number[])[];
  readonly decodeMs: readonly (readonly number[])[];
}

export const pointsOf = ({ batchSizes, promptLengths }: CostSettings): CostPoint[] =>
  batchSizes.flatMap((batchSize) => promptLengths.map((promptLength) => ({ batchSize, promptLength })));

/**
 * Times models on one size of work in turn: a prompt each, then a token each, so that whatever else the machine does
 * meets all of them alike; who is first changes at every turn. The first round is for warming up.
 */
export async function timeInTurn(
  models: readonly TimedModel[],
  point: CostPoint,
  { newTokens, repeats }: CostSettings,
  pace: Pace,
  now: () => number = () => performance.now(),
): Promise<Times[]> {
  const prefillMs = models.map((): number[][] => []);
  const decodeMs = models.map((): number[][] => []);
  for (let round = 0; round <= repeats; round++) {
    const texts = models.map((model) => model.begin(point));
    const inTurn = async (turn: number, work: (text: TimedText) => Promise<void>): Promise<number[]> => {
      const taken = models.map(() => 0);
      for (let i = 0; i < texts.length; i++) {
        const at = (i + turn) % texts.length;
        const startedAtMs = now();
        await work(texts[at]);
        taken[at] = now() - startedAtMs;
        await pace.breathe();
      }
      return taken;
    };
    const prompts = await inTurn(round, (text) => text.prefill());
    const tokens: number[][] = models.map(() => []);
    for (let step = 0; step < newTokens; step++) {
      const taken = await inTurn(round + step, (text) => text.decode());
      taken.forEach((ms, i) => tokens[i].push(ms));
    }
    pace.report((round + 1) / (repeats + 1));
    if (round === 0) continue;
    models.forEach((_, i) => {
      prefillMs[i].push([prompts[i]]);
      decodeMs[i].push(tokens[i]);
    });
  }
  return models.map((_, i) => ({ prefillMs: prefillMs[i], decodeMs: decodeMs[i] }));
}
