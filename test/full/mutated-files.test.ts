import { describe, it } from 'vitest';
import { expectNoMutationBreaks, readers } from '../fixtures/mutated-files.ts';

const count = 10_000;
const longestMs = 1_800_000;

describe('ten thousand changed files', () => {
  it.each(readers)(
    'of $name are read, or refused with a code',
    (reader) => expectNoMutationBreaks(reader, count),
    longestMs,
  );
});
