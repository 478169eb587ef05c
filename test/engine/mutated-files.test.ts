import { describe, it } from 'vitest';
import { expectNoMutationBreaks, readers } from '../fixtures/mutated-files.ts';

/** test/full reads ten thousand of each. */
const count = 300;

describe('three hundred changed files', () => {
  it.each(readers)('of $name are read, or refused with a code', (reader) =>
    expectNoMutationBreaks(reader, count),
  );
});
