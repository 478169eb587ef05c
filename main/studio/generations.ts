import { randomUUID } from 'node:crypto';
import { availableParallelism, totalmem } from 'node:os';
import type {
  Generated,
  GenerationEnd,
  GenerationProgress,
  GenerationSettings,
} from '../engine/generate/generate.ts';
import type { GenerationPrompt } from '../engine/generation.ts';
import { cpu } from '../engine/runtime/device.ts';
import type { SpawnWorker } from '../worker/channel.ts';
import { startJob, type Outcome, type RunningJob } from '../worker/host.ts';
import type { GenerationModel } from './generation-models.ts';
import { Refusal } from './refusal.ts';

export type GenerationState = 'waiting' | 'loading' | 'running' | 'done' | 'stopped' | 'failed';

/** News of one model of a generation; its text is the deltas put together. */
export interface GenerationNews {
  readonly generationId: string;
  /** Of the model, among those it was started with. */
  readonly index: number;
  readonly state: GenerationState;
  readonly delta: string;
  readonly promptTokens: number | null;
  readonly tokens: number;
  readonly prefillTokensPerSecond: number | null;
  readonly tokensPerSecond: number | null;
  readonly endedBy: GenerationEnd | null;
  readonly error: { readonly code: string; readonly message: string; readonly hint?: string } | null;
}

interface Speaking {
  readonly generationId: string;
  readonly index: number;
  readonly model: GenerationModel;
  readonly prompt: GenerationPrompt;
  readonly settings: GenerationSettings;
  readonly threads: number;
  state: GenerationState;
  job: RunningJob<Generated> | undefined;
  shownLength: number;
  latest: Pick<GenerationNews, 'promptTokens' | 'tokens' | 'prefillTokensPerSecond' | 'tokensPerSecond'>;
}

const nothingYet = {
  promptTokens: null,
  tokens: 0,
  prefillTokensPerSecond: null,
  tokensPerSecond: null,
} as const;

/**
 * Models that speak, each in a process of its own: next to each other as long as they fit into half of the machine's
 * memory together, the others after them. Those of one generation have the same number of threads, so that their speeds
 * can be compared.
 */
export class Generations {
  private readonly all = new Map<string, readonly Speaking[]>();

  constructor(
    private readonly spawn: SpawnWorker,
    private readonly hear: (news: GenerationNews) => void,
    private readonly memoryBytes = totalmem() / 2,
    private readonly cores = availableParallelism(),
  ) {}

  /** Answers before anything is heard of it. */
  start(models: readonly GenerationModel[], prompt: GenerationPrompt, settings: GenerationSettings): string {
    const generationId = randomUUID();
    const threads = Math.max(1, Math.floor(this.cores / this.together(models)));
    const speaking = models.map((model, index): Speaking => {
      const fresh = { state: 'waiting' as const, job: undefined, shownLength: 0, latest: nothingYet };
      return { generationId, index, model, prompt, settings, threads, ...fresh };
    });
    this.all.set(generationId, speaking);
    setImmediate(() => {
      for (const one of speaking) if (one.state === 'waiting') this.tell(one, 'waiting');
      this.next();
    });
    return generationId;
  }

  /** @throws Refusal generation-unknown. */
  stop(generationId: string, index?: number): void {
    const speaking = this.all.get(generationId);
    const asked = speaking?.filter((one) => index === undefined || one.index === index) ?? [];
    if (asked.length === 0) throw new Refusal('generation-unknown', 'There is no such generation.');
    for (const one of asked) {
      if (one.job) one.job.cancel();
      else if (one.state === 'waiting') this.tell(one, 'stopped');
    }
  }

  /** Ends every process. */
  close(): void {
    for (const one of this.speaking()) {
      one.state = 'stopped';
      one.job?.kill();
    }
  }

  private speaking(): Speaking[] {
    return [...this.all.values()].flat();
  }

  /** How many of the models fit into memory next to each other, at least one. */
  private together(models: readonly GenerationModel[]): number {
    let room = this.memoryBytes;
    const fitting = models.filter(({ memoryBytes }) => {
      room -= memoryBytes;
      return room >= 0;
    });
    return Math.max(1, fitting.length);
  }

  /** Starts those that wait, in order, as far as there is room; one has room whatever it takes. */
  private next(): void {
    const taken = this.speaking().filter(({ job }) => job !== undefined);
    let room = this.memoryBytes - taken.reduce((total, { model }) => total + model.memoryBytes, 0);
    let atWork = taken.length;
    for (const one of this.speaking().filter(({ state }) => state === 'waiting')) {
      if (atWork > 0 && one.model.memoryBytes > room) return;
      room -= one.model.memoryBytes;
      atWork++;
      this.begin(one);
    }
  }

  private begin(one: Speaking): void {
    const { model, prompt, settings, threads } = one;
    const job = startJob(
      { kind: 'generate', model: model.path, prompt, settings, threads, plan: model.plan, device: cpu },
      (event) => {
        if (event.type === 'text') this.progress(one, event);
      },
      this.spawn,
    );
    one.job = job;
    this.tell(one, 'loading');
    void job.outcome.then((outcome) => {
      one.job = undefined;
      this.ended(one, outcome);
      this.next();
    });
  }

  private progress(one: Speaking, { delta, ...progress }: GenerationProgress): void {
    one.latest = speedsOf(progress);
    this.tell(one, 'running', { delta });
  }

  private ended(one: Speaking, outcome: Outcome<Generated>): void {
    // The studio is closing.
    if (one.state === 'stopped') return;
    if (outcome.kind === 'cancelled') this.tell(one, 'stopped');
    else if (outcome.kind === 'failed') {
      const { code, message, hint } = outcome.error;
      this.tell(one, 'failed', { error: { code, message, ...(hint !== undefined && { hint }) } });
    } else {
      const { text, ids, endedBy, ...measured } = outcome.result;
      one.latest = speedsOf({ ...measured, tokens: ids.length });
      this.tell(one, 'done', { delta: text.slice(one.shownLength), endedBy });
    }
  }

  private tell(one: Speaking, state: GenerationState, news: Partial<GenerationNews> = {}): void {
    one.state = state;
    one.shownLength += news.delta?.length ?? 0;
    const { generationId, index, latest } = one;
    this.hear({ generationId, index, state, delta: '', ...latest, endedBy: null, error: null, ...news });
  }
}

/** Of the prompt; and of the tokens after the first, which the prompt already gave. */
function speedsOf({
  promptTokens,
  tokens,
  prefillMs,
  decodeMs,
}: Omit<GenerationProgress, 'delta'>): Speaking['latest'] {
  return {
    promptTokens,
    tokens,
    prefillTokensPerSecond: (1000 * promptTokens) / prefillMs,
    tokensPerSecond: tokens > 1 && decodeMs > 0 ? (1000 * (tokens - 1)) / decodeMs : null,
  };
}
