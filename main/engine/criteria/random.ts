import { defineCriterion } from './criterion.ts';

/** One uniform number a channel, so a head's score is a sum of them, as published (docs/method.md, Scores). */
export const random = defineCriterion({
  kind: 'drawn',
  id: 'random',
  title: 'Random: a baseline to measure the others against',
  draw: (stream) => stream.uniform(),
});
