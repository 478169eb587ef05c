import { openTokenSource } from './dataset/token-rows.ts';
import { EngineError } from './errors.ts';
import { measurePerplexity, type MeasuringTools, type Perplexity } from './evaluate/perplexity.ts';
import type { ComputeDevice } from './runtime/device.ts';
import type { MemoryPlan } from './runtime/memory-plan.ts';
import type { DescribedModel, Model } from './runtime/model.ts';
import { Network } from './runtime/network.ts';
import { openWeightStore } from './runtime/residency.ts';
import type { SessionOptions } from './runtime/session.ts';
import { loadTokenizer } from './tokenizer/tokenizer.ts';

/** What a computation may use of the machine. */
export interface MachineShare {
  readonly threads: number;
  readonly memory: MemoryPlan;
  readonly device: ComputeDevice;
}

/** How a share's sessions are opened. */
export const sessionOptions = ({ threads, device }: MachineShare): SessionOptions => ({
  threads,
  device: device.kind,
});

/** Perplexity of a network, adapters and all, on tokens. */
export async function measureNetwork(
  network: Network,
  tokens: Int32Array,
  seqLen: number,
  tools: MeasuringTools,
): Promise<Perplexity> {
  // A text shorter than that is told so by the measurement.
  if (seqLen <= tokens.length)
    requireRoomFor(seqLen + (tools.marks ?? []).length, network.model, tools.memory);
  const measured = await measurePerplexity(network, tokens, seqLen, tools);
  if (!Number.isFinite(measured.perplexity)) throw notANumber(`The perplexity of ${network.model.folder}`);
  return measured;
}

/** JSON knows no NaN: it would read back as null, and scores of null would be compared like others. */
export function notANumber(what: string): EngineError {
  return new EngineError(
    'compute-failed',
    `${what} is not a finite number.`,
    {},
    'The weights of the model may hold NaN or infinity. Get them again, or try the model elsewhere.',
  );
}

/**
 * A row's attention takes float32 of [length, length] for every head and for the mask.
 * @throws EngineError memory-exceeded where these alone are above the budget.
 */
export function requireRoomFor(
  length: number,
  { config }: DescribedModel,
  { budgetBytes }: MemoryPlan,
): void {
  const heads = Math.max(...config.layers.map((layer) => layer.heads));
  const sizeBytes = 4 * length ** 2 * (heads + 1);
  if (sizeBytes <= budgetBytes) return;
  throw new EngineError(
    'memory-exceeded',
    `Attention over ${length} tokens at once needs ${sizeBytes} bytes, more than the memory budget of ${budgetBytes}.`,
    { length, sizeBytes, budgetBytes },
    'Choose a smaller sequence length, shorter rows of token ids, or a larger `memory`.',
  );
}

export function tokenSource(path: string, model: DescribedModel): ReturnType<typeof openTokenSource> {
  const { vocabSize } = model.config;
  return openTokenSource(path, { vocabSize, eosId: eosIdOf(model) }, () => loadTokenizer(model.baseFolder));
}

/** The id that ends what a model writes, by its config.json. */
export function eosIdOf({ config }: DescribedModel): number | undefined {
  const { eos_token_id: named } = config.source;
  const eosId: unknown = Array.isArray(named) ? named[0] : named;
  return typeof eosId === 'number' ? eosId : undefined;
}

export async function withNetwork<T>(
  model: Model,
  share: MachineShare,
  use: (network: Network) => Promise<T>,
): Promise<T> {
  const weights = openWeightStore(model.checkpoint, share.memory.residency, share.device.kind);
  const network = new Network(model, weights, sessionOptions(share));
  try {
    return await use(network);
  } finally {
    await network.release();
    weights.release();
  }
}
