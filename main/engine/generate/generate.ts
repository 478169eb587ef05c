import type { Decoder } from '../runtime/decoder.ts';
import { partOf, type Pace } from '../runtime/pace.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { chooseToken, type Sampling } from './sampling.ts';
import { TextStream } from './text-stream.ts';

export interface GenerationSettings extends Sampling {
  readonly maxNewTokens: number;
  /** The text ends before any of them. */
  readonly stop: readonly string[];
}

/** How a text ended: an end token of the model, a stop string, `maxNewTokens`, or no room for more positions. */
export type GenerationEnd = 'end-token' | 'stop-string' | 'max-tokens' | 'context-full';

/** What has been generated so far. */
export interface GenerationProgress {
  /** Text that has become certain since the last time. */
  readonly delta: string;
  readonly promptTokens: number;
  readonly tokens: number;
  readonly prefillMs: number;
  /** From the first new token to the latest. */
  readonly decodeMs: number;
}

export interface Generated {
  readonly text: string;
  /** New tokens, an end token among them. */
  readonly ids: readonly number[];
  readonly endedBy: GenerationEnd;
  readonly promptTokens: number;
  readonly prefillMs: number;
  readonly decodeMs: number;
}

/** A model at work on one text, and what its folder says about texts. */
export interface Speaker {
  /** Empty, for one row. */
  readonly decoder: Decoder;
  readonly tokenizer: Tokenizer;
  readonly endTokens: ReadonlySet<number>;
  readonly maxPositions: number;
}

/**
 * Continues a prompt token by token. The same prompt, settings and model give the same text.
 * @param prompt At least one id, and fewer than `maxPositions`.
 * @throws Cancelled between two tokens, or two layers of the prompt.
 */
export async function generate(
  { decoder, tokenizer, endTokens, maxPositions }: Speaker,
  prompt: readonly number[],
  settings: GenerationSettings,
  hear: (progress: GenerationProgress) => void,
  pace: Pace,
): Promise<Generated> {
  const stream = new TextStream(tokenizer, settings.stop);
  const all = [...prompt];
  const startedAtMs = performance.now();
  let logits = await decoder.advance(Int32Array.from(prompt), partOf(pace, 0, 0.5));
  const prefillMs = performance.now() - startedAtMs;
  let [text, decodeMs] = ['', 0];
  const tell = (delta: string): void => {
    text += delta;
    decodeMs = performance.now() - startedAtMs - prefillMs;
    hear({ delta, promptTokens: prompt.length, tokens: all.length - prompt.length, prefillMs, decodeMs });
  };
  for (;;) {
    const id = chooseToken(logits, all, settings, all.length - prompt.length);
    all.push(id);
    const isEnd = endTokens.has(id);
    tell(isEnd ? '' : stream.push(id));
    const endedBy = isEnd ? 'end-token' : endOf(stream, all.length, prompt.length, settings, maxPositions);
    if (endedBy) {
      tell(stream.end());
      const ids = all.slice(prompt.length);
      return { text, ids, endedBy, promptTokens: prompt.length, prefillMs, decodeMs };
    }
    logits = await decoder.advance(Int32Array.of(id), { ...pace, report: () => undefined });
    pace.report(0.5 + (0.5 * (all.length - prompt.length)) / settings.maxNewTokens);
  }
}

function endOf(
  stream: TextStream,
  length: number,
  promptLength: number,
  { maxNewTokens }: GenerationSettings,
  maxPositions: number,
): GenerationEnd | undefined {
  if (stream.stopped) return 'stop-string';
  if (length - promptLength >= maxNewTokens) return 'max-tokens';
  return length >= maxPositions ? 'context-full' : undefined;
}
