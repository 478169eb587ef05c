import type { PrunePlan } from '../prune/plan.ts';
import type { Model } from '../runtime/model.ts';
import type { Pace } from '../runtime/pace.ts';

/** What an export is made from: the original, what stays of it, and facts for the model card. */
export interface ExportSource {
  readonly model: Model;
  readonly plan: PrunePlan;
  readonly card: ModelCard;
  readonly pace: Pace;
}

/** What a reader of the exported folder should know of its making. */
export interface ModelCard {
  readonly baseModel: string;
  readonly criterion: string;
  readonly aggregation: string;
  readonly ratio: number;
  readonly parametersBefore: number;
  readonly parametersAfter: number;
}

/** A format in which a pruned model is written; one file each. */
export interface Exporter {
  readonly id: string;
  /** Writes the model into `folder`, which must be new or empty. */
  write(source: ExportSource, folder: string): Promise<void>;
}

/** Gives an exporter's file its types; the registry is export/index.ts. */
export function defineExporter(exporter: Exporter): Exporter {
  return exporter;
}
