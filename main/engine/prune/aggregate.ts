/**
 * How the scores of a group's members become one (docs/method.md, Scores). Members are in the order in which the network
 * executes them, the root first: `first` is the root (q_proj, or k_proj under GQA; gate_proj), `last` the last
 * executed structure (o_proj, down_proj), the paper's "Last-only" (section 3.2). `second` is the one that the published
 * code finds next to the root (o_proj, up_proj); its place among the members is the group's to say.
 */
export const aggregations = {
  sum: (scores: readonly number[]): number => scores.reduce((a, b) => a + b, 0),
  mean: (scores: readonly number[]): number => scores.reduce((a, b) => a + b, 0) / scores.length,
  max: (scores: readonly number[]): number => Math.max(...scores),
  prod: (scores: readonly number[]): number => scores.reduce((a, b) => a * b, 1),
  first: (scores: readonly number[]): number => scores[0],
  second: (scores: readonly number[], place: number): number => scores[place],
  last: (scores: readonly number[]): number => scores[scores.length - 1],
} as const;

export type Aggregation = keyof typeof aggregations;

export const aggregationNames = Object.keys(aggregations) as [Aggregation, ...Aggregation[]];
