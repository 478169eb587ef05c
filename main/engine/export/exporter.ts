import type { TensorSource } from '../checkpoint/write-checkpoint.ts';
import type { SelectionOptions } from '../prune/prune-settings.ts';
import type { NetworkShape } from '../families/family.ts';
import type { Model } from '../runtime/model.ts';
import type { Pace } from '../runtime/pace.ts';

/** What a model folder is made from: the model it came from, its widths and weights now, facts for the model card. */
export interface ModelSource {
  readonly model: Model;
  readonly shape: NetworkShape;
  readonly tensors: readonly TensorSource[];
  readonly card: ModelCard;
  readonly pace: Pace;
}

/** What a reader of the exported folder should know of its making. */
export interface ModelCard {
  readonly baseModel: string;
  readonly parametersBefore: number;
  readonly parametersAfter: number;
  /** null for a model that was not pruned here. */
  readonly pruning: {
    readonly selection: SelectionOptions;
    /** Layers of the original that went whole. */
    readonly droppedLayers: readonly number[];
    readonly criterion: string;
    readonly aggregation: string;
    readonly ratio: number;
  } | null;
  /** null for a model that was not trained. */
  readonly training: TrainingFacts | null;
}

export interface TrainingFacts {
  readonly steps: number;
  readonly rows: number;
  readonly rank: number;
  readonly alpha: number;
  /** Whether the weights that it was trained beside were held in 8 bits. */
  readonly isBase8Bit: boolean;
}

/** What an adapter's folder is made from. */
export interface AdapterSource {
  /** Path or name of the model that the adapter belongs to. */
  readonly baseModel: string;
  readonly rank: number;
  readonly alpha: number;
  readonly dropout: number;
  readonly targets: readonly string[];
  /** Under the model's own parameter names, ending in lora_A.weight and lora_B.weight. */
  readonly tensors: readonly TensorSource[];
  readonly training: TrainingFacts;
}

/** A format in which a result is written; one file each. */
export interface Exporter<Source> {
  readonly id: string;
  /** Writes into `folder`, which must be new or empty. */
  write(source: Source, folder: string): Promise<void>;
}

/** Gives an exporter's file its types; the registry is export/index.ts. */
export function defineExporter<Source>(exporter: Exporter<Source>): Exporter<Source> {
  return exporter;
}
