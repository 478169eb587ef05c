import type { MeasuredPerplexity } from './evaluate/perplexity.ts';
import type { TaskScores } from './evaluate/tasks/task-scores.ts';

/** The tasks that an evaluation asks a model, with every choice made. */
export interface TaskSettings {
  /** Ids of tasks, in the order of the report. */
  readonly names: readonly string[];
  /** The folder with the data sets, each in the hub's layout. */
  readonly data: string;
  /** Worked examples in front of each question. */
  readonly fewShot: number;
  /** First questions of each task to ask; null: all. */
  readonly limit: number | null;
}

/** What an evaluation measures, with every choice made; paths are absolute. */
export interface EvaluationSettings {
  /** null: no perplexity. */
  readonly text: string | null;
  /** Further texts, each measured like the first. */
  readonly moreTexts?: readonly string[];
  readonly seqLen: number;
  /** Rows of each text to take; null: all. */
  readonly samples: number | null;
  readonly tasks?: TaskSettings;
}

/** How well a model does, as a report tells it. */
export interface MeasuredQuality {
  /** On the first evaluation text; null without one. */
  readonly perplexity: number | null;
  /** On each evaluation text, with its protocol. */
  readonly perplexities: readonly MeasuredPerplexity[];
  /** null where no tasks were asked for. */
  readonly tasks: TaskScores | null;
}
