import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, expect, it } from 'vitest';

import { kindFiles } from '../../eslint.layers.js';

const root = path.resolve(import.meta.dirname, '../..');

// The project's own configuration, reduced to the directions: they need no types, so no file has to exist.
const eslint = new ESLint({
  cwd: root,
  overrideConfig: [
    tseslint.configs.disableTypeChecked,
    { languageOptions: { parserOptions: { projectService: false } } },
  ],
  ruleFilter: ({ ruleId }) => ruleId.startsWith('boundaries/'),
});

/** What the directions say of `statement` in the file `from`; paths in it start at the root. */
async function violations(from: string, statement: string): Promise<string[]> {
  const code = statement.replace(/'((?:main|preload|renderer|scripts|test)\/.*)'/, (_, target: string) => {
    const relative = path.posix.relative(path.posix.dirname(from), target);
    return `'${relative.startsWith('.') ? relative : `./${relative}`}'`;
  });
  const [result] = await eslint.lintText(code, { filePath: path.join(root, from) });
  return result.messages.map(({ message }) => message);
}

const imports = (target: string): string => `import { thing } from '${target}';`;

const engine = 'main/engine';
const errors = `${engine}/errors.ts`;

const allowed: readonly (readonly [from: string, target: string])[] = [
  // tensor <- checkpoint, onnx <- ir <- ops <- derive <- prune, recover, evaluate, generate <- run
  [`${engine}/tensor/half.ts`, `${engine}/tensor/dtype.ts`],
  [`${engine}/checkpoint/safetensors.ts`, `${engine}/tensor/dtype.ts`],
  [`${engine}/onnx/onnx-graph.ts`, `${engine}/tensor/dtype.ts`],
  [`${engine}/ir/graph.ts`, `${engine}/onnx/onnx-graph.ts`],
  [`${engine}/ops/linear.ts`, `${engine}/ir/op.ts`],
  [`${engine}/ops/linear.ts`, `${engine}/onnx/onnx-graph.ts`],
  [`${engine}/derive/backward.ts`, `${engine}/ops/index.ts`],
  [`${engine}/prune/slice.ts`, `${engine}/derive/groups.ts`],
  [`${engine}/prune/score.ts`, `${engine}/criteria/index.ts`],
  [`${engine}/prune/score.ts`, `${engine}/criteria/criterion.ts`],
  [`${engine}/recover/trainer.ts`, `${engine}/derive/backward.ts`],
  [`${engine}/recover/trainer.ts`, `${engine}/runtime/session.ts`],
  [`${engine}/evaluate/perplexity.ts`, `${engine}/tokenizer/tokenizer.ts`],
  [`${engine}/dataset/documents.ts`, `${engine}/tokenizer/tokenizer.ts`],
  [`${engine}/recover/trainer.ts`, `${engine}/dataset/documents.ts`],
  [`${engine}/generate/sampling.ts`, `${engine}/families/index.ts`],
  [`${engine}/run.ts`, `${engine}/prune/plan.ts`],
  [`${engine}/run.ts`, `${engine}/export/index.ts`],
  // families, criteria, export, runtime
  [`${engine}/families/llama.ts`, `${engine}/families/family.ts`],
  [`${engine}/families/llama.ts`, `${engine}/families/config-reader.ts`],
  [`${engine}/families/llama.ts`, `${engine}/ir/graph.ts`],
  [`${engine}/families/llama.ts`, `${engine}/ops/index.ts`],
  [`${engine}/families/llama.ts`, `${engine}/tensor/dtype.ts`],
  [`${engine}/criteria/magnitude-l1.ts`, `${engine}/ir/graph.ts`],
  [`${engine}/criteria/magnitude-l1.ts`, `${engine}/criteria/criterion.ts`],
  [`${engine}/export/huggingface.ts`, `${engine}/checkpoint/safetensors.ts`],
  [`${engine}/export/huggingface.ts`, `${engine}/families/family.ts`],
  [`${engine}/export/huggingface.ts`, `${engine}/prune/plan.ts`],
  [`${engine}/runtime/session.ts`, `${engine}/derive/forward.ts`],
  [`${engine}/runtime/session.ts`, `${engine}/checkpoint/safetensors.ts`],
  // around the engine
  ['main/studio/recipe.ts', `${engine}/run.ts`],
  ['main/studio/recipe.ts', `${engine}/criteria/index.ts`],
  ['main/studio/run-queue.ts', 'main/worker/host.ts'],
  ['main/worker/entry.ts', `${engine}/run.ts`],
  ['main/cli.ts', 'main/studio/recipe.ts'],
  ['main/cli.ts', 'main/worker/host.ts'],
  ['main/cli.ts', `${engine}/run.ts`],
  ['main/window.ts', 'electron'],
  ['main/ipc.ts', 'preload/contract.ts'],
  ['preload/bridge.ts', 'electron'],
  ['preload/bridge.ts', 'preload/contract.ts'],
  ['preload/contract.ts', 'preload/forms/measures.ts'],
  ['main/studio/recipe.ts', 'preload/forms/cost-report.ts'],
  ['preload/bridge.ts', 'preload/channels.ts'],
  ['main/ipc.ts', 'preload/channels.ts'],
  ['scripts/electron/default-app.mjs', 'electron'],
  ['renderer/app.tsx', 'preload/contract.ts'],
  ['renderer/app.tsx', 'renderer/screens/runs.tsx'],
  ['renderer/app.tsx', 'react'],
  ['scripts/bench/prune.ts', `${engine}/run.ts`],
  ['test/engine/families/llama.test.ts', `${engine}/families/index.ts`],
  ['test/engine/families/llama.test.ts', `${engine}/families/config-reader.ts`],
  ['test/studio/recipe.test.ts', 'main/studio/recipe.ts'],
  // packages, Node and the errors
  [`${engine}/runtime/session.ts`, 'onnxruntime-node'],
  [`${engine}/checkpoint/safetensors.ts`, 'node:fs/promises'],
  ...[
    'tensor/half',
    'ops/linear',
    'families/llama',
    'criteria/magnitude-l1',
    'export/huggingface',
    'run',
  ].map((file) => [`${engine}/${file}.ts`, errors] as const),
  ['main/studio/recipe.ts', errors],
  ['main/worker/entry.ts', errors],
  ['main/cli.ts', errors],
];

const forbidden: readonly (readonly [from: string, target: string])[] = [
  // against the chain
  [errors, `${engine}/tensor/dtype.ts`],
  [`${engine}/tensor/half.ts`, `${engine}/checkpoint/safetensors.ts`],
  [`${engine}/checkpoint/safetensors.ts`, `${engine}/onnx/onnx-graph.ts`],
  [`${engine}/onnx/onnx-graph.ts`, `${engine}/ir/graph.ts`],
  [`${engine}/onnx/onnx-graph.ts`, `${engine}/checkpoint/safetensors.ts`],
  [`${engine}/ir/graph.ts`, `${engine}/ops/index.ts`],
  [`${engine}/ops/linear.ts`, `${engine}/derive/forward.ts`],
  [`${engine}/derive/forward.ts`, `${engine}/prune/score.ts`],
  [`${engine}/derive/forward.ts`, `${engine}/runtime/session.ts`],
  [`${engine}/derive/forward.ts`, `${engine}/families/index.ts`],
  [`${engine}/prune/score.ts`, `${engine}/recover/trainer.ts`],
  [`${engine}/recover/trainer.ts`, `${engine}/evaluate/perplexity.ts`],
  [`${engine}/evaluate/perplexity.ts`, `${engine}/generate/sampling.ts`],
  [`${engine}/generate/sampling.ts`, `${engine}/prune/plan.ts`],
  [`${engine}/prune/score.ts`, `${engine}/run.ts`],
  // families, criteria, export, runtime, tokenizer
  [`${engine}/families/llama.ts`, `${engine}/checkpoint/safetensors.ts`],
  [`${engine}/families/llama.ts`, `${engine}/onnx/onnx-graph.ts`],
  [`${engine}/families/llama.ts`, `${engine}/derive/groups.ts`],
  [`${engine}/criteria/magnitude-l1.ts`, `${engine}/onnx/onnx-graph.ts`],
  [`${engine}/criteria/magnitude-l1.ts`, `${engine}/ops/index.ts`],
  [`${engine}/criteria/magnitude-l1.ts`, `${engine}/prune/score.ts`],
  [`${engine}/export/huggingface.ts`, `${engine}/derive/forward.ts`],
  [`${engine}/export/huggingface.ts`, `${engine}/recover/trainer.ts`],
  [`${engine}/runtime/session.ts`, `${engine}/prune/score.ts`],
  [`${engine}/tokenizer/tokenizer.ts`, `${engine}/checkpoint/safetensors.ts`],
  [`${engine}/tokenizer/tokenizer.ts`, `${engine}/dataset/documents.ts`],
  [`${engine}/dataset/documents.ts`, `${engine}/recover/trainer.ts`],
  // around the engine
  [`${engine}/run.ts`, 'main/studio/recipe.ts'],
  [`${engine}/prune/score.ts`, 'main/studio/recipe.ts'],
  [`${engine}/run.ts`, 'main/worker/messages.ts'],
  [`${engine}/runtime/session.ts`, 'main/cli.ts'],
  [`${engine}/run.ts`, 'preload/contract.ts'],
  [`${engine}/run.ts`, 'test/fixtures/models.ts'],
  ['main/worker/entry.ts', 'main/studio/run-store.ts'],
  ['main/studio/recipe.ts', 'main/cli.ts'],
  ['main/studio/recipe.ts', 'preload/contract.ts'],
  ['preload/forms/measures.ts', 'preload/contract.ts'],
  [`${engine}/run.ts`, 'preload/forms/measures.ts'],
  ['main/worker/entry.ts', 'main/cli.ts'],
  ['main/cli.ts', 'main/window.ts'],
  ['main/cli.ts', 'scripts/train-demo.ts'],
  ['preload/bridge.ts', 'main/studio/recipe.ts'],
  ['renderer/app.tsx', 'main/studio/recipe.ts'],
  ['renderer/app.tsx', `${engine}/run.ts`],
  ['renderer/app.tsx', errors],
  ['renderer/app.tsx', 'preload/bridge.ts'],
  ['renderer/app.tsx', 'node:fs'],
  ...[
    `${engine}/run.ts`,
    'main/studio/settings.ts',
    'main/worker/entry.ts',
    'main/cli.ts',
    'renderer/app.tsx',
    'scripts/electron/find-runtime.mjs',
  ].map((file) => [file, 'electron'] as const),
  // a kind is imported only through its folder's index, and a folder's parts not at all
  [`${engine}/derive/backward.ts`, `${engine}/ops/linear.ts`],
  [`${engine}/families/llama.ts`, `${engine}/ops/linear.ts`],
  [`${engine}/ops/linear.ts`, `${engine}/ops/add.ts`],
  [`${engine}/ops/linear.ts`, `${engine}/ops/index.ts`],
  [`${engine}/run.ts`, `${engine}/families/llama.ts`],
  [`${engine}/run.ts`, `${engine}/families/config-reader.ts`],
  ['test/engine/ops/linear.test.ts', `${engine}/ops/linear.ts`],
];

describe('the directions between folders', () => {
  it.each(allowed)('%s may import %s', async (from, target) => {
    expect(await violations(from, imports(target))).toEqual([]);
  });

  it.each(forbidden)('%s may not import %s', async (from, target) => {
    expect(await violations(from, imports(target))).toEqual([expect.stringContaining('may not import')]);
  });

  it('criteria see the types of onnx', async () => {
    const statement = `import type { OnnxGraph } from '${engine}/onnx/onnx-graph.ts';`;
    expect(await violations(`${engine}/criteria/magnitude-l1.ts`, statement)).toEqual([]);
  });

  it.each([
    `export { thing } from 'main/studio/recipe.ts';`,
    `export * from 'main/studio/recipe.ts';`,
    `import type { Thing } from 'main/studio/recipe.ts';`,
    `import 'main/studio/recipe.ts';`,
    `const thing = await import('main/studio/recipe.ts');`,
  ])('judges %s like an import', async (statement) => {
    expect(await violations(`${engine}/run.ts`, statement)).toEqual([
      expect.stringContaining('may not import'),
    ]);
  });

  it('refuses a file that belongs to no layer', async () => {
    expect(await violations('main/misc/helper.ts', 'export const one = 1;')).toEqual([
      expect.stringContaining('does not match any file pattern'),
    ]);
  });
});

describe.each(['ops', 'families', 'criteria', 'export'])('the kinds of %s', (folder) => {
  const kinds = kindFiles(folder).map((file) => `${engine}/${folder}/${file}`);

  it('are all in their index', async () => {
    expect(kinds).not.toEqual([]);
    const index = await readFile(path.join(root, engine, folder, 'index.ts'), 'utf8');
    for (const file of kindFiles(folder)) expect(index).toContain(`'./${file}'`);
  });

  it('are known to their index alone', async () => {
    for (const kind of kinds) {
      expect(await violations(`${engine}/${folder}/index.ts`, imports(kind))).toEqual([]);
      for (const from of [
        `${engine}/run.ts`,
        'main/studio/recipe.ts',
        `test/engine/${folder}/kinds.test.ts`,
      ]) {
        expect(await violations(from, imports(kind)), from).toHaveLength(1);
      }
    }
  });

  it('never import each other', async () => {
    for (const kind of kinds) {
      for (const other of kinds.filter((file) => file !== kind)) {
        expect(await violations(kind, imports(other))).toHaveLength(1);
      }
    }
  });
});
