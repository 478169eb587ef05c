import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // test/full takes minutes; test/oracles is a package of its own, with its own dependencies.
    exclude: [...configDefaults.exclude, 'test/full/**', 'test/oracles/**'],
    globalSetup: ['test/build-bundles.ts', 'test/electron-runtime.ts'],
    // Processes, not worker threads: a thread that is ended inside ONNX Runtime's run aborts the whole process.
    pool: 'forks',
    // Each process computes with several threads of its own.
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Nothing is timed: what is polled for comes when a busy machine has it.
    expect: { poll: { timeout: 60_000 } },
  },
});
