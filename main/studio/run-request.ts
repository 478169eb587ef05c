import type { Recipe, RecoverRecipe } from './recipe.ts';

/** What a person asks a run for, in the ids of what they picked. */
export interface RunRequest {
  readonly modelId: string;
  readonly prune: PruneRequest;
  readonly calibration: CalibrationRequest;
  readonly evaluate: EvaluationRequest;
  readonly recover: RecoverRequest | null;
}

type RequiredKey = 'criterion' | 'aggregation' | 'ratio' | 'gqaFold' | 'layers' | 'seed';

/** What is left out is at the recipe's default. */
export type PruneRequest = Pick<Recipe['prune'], RequiredKey> & {
  readonly [K in Exclude<keyof Recipe['prune'], RequiredKey>]?: Recipe['prune'][K] | undefined;
};

export interface CalibrationRequest {
  readonly sourceId: string | null;
  readonly samples: number | null;
  readonly seqLen: number;
  readonly seed: number;
}

export interface EvaluationRequest {
  readonly textId: string | null;
  readonly moreTextIds?: readonly string[] | undefined;
  readonly seqLen: number;
  readonly samples: number | null;
  readonly tasks?: TasksRequest | null | undefined;
  readonly cost?: Recipe['evaluate']['cost'] | undefined;
}

/** The recipe's own keys; the data are a folder. */
export interface TasksRequest extends Omit<NonNullable<Recipe['evaluate']['tasks']>, 'data'> {
  readonly dataId: string | null;
}

/** The recipe's own keys; `template` is the name of a bundled one, or the id of a file. */
export interface RecoverRequest extends Omit<RecoverRecipe, 'data'> {
  readonly dataId: string | null;
}
