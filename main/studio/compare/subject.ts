import type { LayerShape } from '../../engine/families/family.ts';
import type { SelectionOptions } from '../../engine/prune/prune-settings.ts';
import type { Measure } from './measure.ts';

/** Which of a run's models; `model` is one of no run. */
export type RunRole = 'original' | 'pruned' | 'recovered' | 'control';

/** A model with everything that is known of it in numbers. */
export interface Subject {
  readonly key: string;
  readonly name: string;
  readonly role: RunRole | 'model' | 'published';
  readonly source: string | null;
  readonly runId: string | null;
  /** The folder that the model lies in; null where it has none of its own. */
  readonly folder: string | null;
  readonly layers: readonly LayerShape[] | null;
  readonly measures: readonly Measure[];
}

/** A run with its models, each of them to be compared. */
export interface ComparedRun {
  readonly runId: string;
  /** What it goes by. */
  readonly name: string;
  /** To be told, in the recipe's own keys. */
  readonly recipe: object;
  readonly subjects: readonly Subject[];
  /** What published rows are found by. */
  readonly pruning: Pruning | null;
}

/** How a model was pruned, as far as published results tell it. */
export interface Pruning {
  /** The original's folder, as it was named. */
  readonly folder: string;
  readonly family: string;
  readonly parameters: number;
  readonly criterion: string;
  readonly aggregation: string;
  readonly mode: 'block' | NonNullable<SelectionOptions['mode']>;
  readonly ratio: number;
  /** In how many steps; the published results have one. */
  readonly steps: number;
  readonly attention: readonly [from: number, to: number];
  readonly mlp: readonly [from: number, to: number];
}
