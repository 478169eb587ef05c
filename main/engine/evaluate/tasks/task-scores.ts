/** The two ways of picking an answer that the harness knows: by log-likelihood, and by log-likelihood a character. */
export const metricNames = ['acc', 'acc_norm'] as const;
export type MetricName = (typeof metricNames)[number];

/** What a model scored in one task. */
export interface TaskScore {
  /** Part of the answers that are right where the likeliest choice is taken. */
  readonly acc: number;
  /** Standard error of the mean; null for a single question. */
  readonly accStderr: number | null;
  /** Where log-likelihoods are divided by the choice's length in characters; null where the task has no such metric. */
  readonly accNorm: number | null;
  readonly accNormStderr: number | null;
  /** Which of the two the paper's tables and the average count. */
  readonly counted: MetricName;
  /** Questions that were asked. */
  readonly samples: number;
  /** Questions that the data holds. */
  readonly available: number;
  /** Version of the task in the harness. */
  readonly version: number;
  /** sha256 of what the questions and examples were read from. */
  readonly dataSha256: string;
}

/** What a model scored in the tasks of an evaluation, and by which protocol. */
export interface TaskScores {
  /** By the task's id, in the order in which they were asked for. */
  readonly results: Readonly<Record<string, TaskScore>>;
  /** Plain mean of the counted metrics. */
  readonly average: number;
  /** Whether these are the seven tasks of the paper, and the average is comparable to its tables. */
  readonly isPapersAverage: boolean;
  /** Worked examples in front of each question. */
  readonly fewShot: number;
  /** Whether a BOS stood in front of each question, where the tokenizer has one. */
  readonly bos: boolean;
  /** First questions of each task that were asked at most; null: all. */
  readonly limit: number | null;
  /** The harness whose prompts and scoring these are. */
  readonly protocol: string;
}

/** The counted metric of a task's score. */
export const countedValue = ({ counted, acc, accNorm }: TaskScore): number =>
  counted === 'acc' ? acc : (accNorm ?? NaN);
