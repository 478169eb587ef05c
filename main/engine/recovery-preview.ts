import type { TrainingExample } from './dataset/training-example.ts';
import { learntTokens } from './dataset/training-example.ts';
import { EngineError } from './errors.ts';
import { recoveryExamples, type RecoverySettings } from './recovery.ts';
import { splitExamples } from './recover/training-order.ts';
import type { MemoryPlan } from './runtime/memory-plan.ts';
import type { DescribedModel } from './runtime/model.ts';
import type { Pace } from './runtime/pace.ts';
import { loadTokenizer } from './tokenizer/tokenizer.ts';

/** A stretch of a row that is learnt, or only read. */
export interface RowPart {
  readonly text: string;
  readonly learnt: boolean;
}

/** The rows of a training as it would read them. */
export interface TrainingPreview {
  readonly rows: number;
  /** Rows of the data of which nothing could be learnt. */
  readonly passedOver: number;
  readonly validationRows: number;
  readonly tokens: number;
  readonly learntTokens: number;
  /** The first rows. */
  readonly samples: readonly {
    readonly tokens: number;
    readonly learntTokens: number;
    readonly parts: readonly RowPart[];
  }[];
}

type Decode = (ids: readonly number[]) => string;

/** Rows that a person reads to see whether they are the right ones. */
const previewedRows = 8;

/** @throws EngineError as recoveryExamples. */
export async function previewTraining(
  recover: RecoverySettings,
  model: DescribedModel,
  memory: MemoryPlan,
  pace: Pace,
): Promise<TrainingPreview> {
  const { examples, passedOver } = await recoveryExamples(recover, model, { memory }, pace);
  const decode = await decoderOf(model.baseFolder);
  return {
    rows: examples.length,
    passedOver,
    validationRows: splitExamples(examples, recover.training).validation.length,
    tokens: examples.reduce((total, { ids }) => total + ids.length, 0),
    learntTokens: examples.reduce((total, example) => total + learntTokens(example), 0),
    samples: examples.slice(0, previewedRows).map((example) => ({
      tokens: example.ids.length,
      learntTokens: learntTokens(example),
      parts: partsOf(example, decode),
    })),
  };
}

/** Rows of token ids need no tokenizer to be trained on; they are then shown as numbers. */
async function decoderOf(folder: string): Promise<Decode> {
  try {
    const tokenizer = await loadTokenizer(folder);
    return (ids) => tokenizer.decode(ids);
  } catch (error) {
    if (error instanceof EngineError && error.code === 'tokenizer-missing') return (ids) => ids.join(' ');
    throw error;
  }
}

function partsOf({ ids, learnt }: TrainingExample, decode: Decode): RowPart[] {
  const ends = Array.from(ids, (_, i) => i + 1).filter(
    (end) => end === ids.length || learnt[end] !== learnt[end - 1],
  );
  let shown = '';
  return ends.map((end, i) => {
    // Decoded with all that stands before: by itself, a part would lose the space it begins with.
    const upTo = decode([...ids.slice(0, end)]);
    const text = upTo.startsWith(shown)
      ? upTo.slice(shown.length)
      : decode([...ids.slice(i === 0 ? 0 : ends[i - 1], end)]);
    shown = upTo;
    return { text, learnt: learnt[end - 1] === 1 };
  });
}
