import { configDefaults, defineConfig } from 'vitest/config';

import quick from './vitest.config.ts';

/** Everything the default run has, and the long tests of test/full. */
export default defineConfig({
  ...quick,
  test: { ...quick.test, exclude: [...configDefaults.exclude, 'test/oracles/**'] },
});
