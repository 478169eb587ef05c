import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import boundaries from 'eslint-plugin-boundaries';

/**
 * The folders that hold one kind per file, ops/linear.ts and its siblings, with the files besides index.ts that others
 * may import: the definition that every kind fills in.
 *
 * @type {Record<string, string[]>}
 */
const kindFolders = {
  ops: [],
  families: ['family.ts'],
  criteria: ['criterion.ts'],
  export: ['exporter.ts'],
};

/** What the four uses of a model (prune, recover, evaluate, generate) stand on. */
const belowUses = [
  ...['tensor', 'checkpoint', 'tokenizer', 'dataset', 'onnx', 'ir', 'ops', 'derive'],
  ...['runtime', 'families', 'criteria'],
];
const uses = ['prune', 'recover', 'evaluate', 'generate'];
const engine = [...belowUses, ...uses, 'export', 'run'];

/**
 * What each layer may import besides its own files and packages; nothing else. main/engine/errors.ts is for every layer
 * of main/, scripts/ and test/.
 *
 * @type {Record<string, string[]>}
 */
const sees = {
  tensor: [],
  checkpoint: ['tensor'],
  tokenizer: [],
  dataset: ['tensor', 'checkpoint', 'tokenizer', 'templates'],
  onnx: ['tensor'],
  ir: ['tensor', 'checkpoint', 'onnx'],
  ops: ['tensor', 'checkpoint', 'onnx', 'ir'],
  derive: ['tensor', 'checkpoint', 'onnx', 'ir', 'ops'],
  runtime: ['tensor', 'checkpoint', 'onnx', 'ir', 'ops', 'derive', 'families'],
  families: ['tensor', 'ir', 'ops'],
  criteria: ['tensor', 'ir'],
  ...Object.fromEntries(uses.map((use) => [use, belowUses])),
  evaluate: [...belowUses, 'task-files'],
  generate: [...belowUses, 'chat-templates'],
  export: ['tensor', 'checkpoint', 'families', 'prune', 'generate', 'runtime'],
  run: engine,
  studio: [...engine, 'worker', 'published', 'forms'],
  worker: engine,
  cli: [...engine, 'studio', 'worker'],
  window: [...engine, 'studio', 'worker', 'contract', 'forms'],
  contract: ['forms'],
  forms: [],
  templates: [],
  'chat-templates': [],
  'task-files': [],
  published: [],
  'default-app': [],
  preload: ['contract'],
  renderer: ['contract', 'forms'],
  scripts: [...engine, 'studio', 'worker'],
  test: [
    ...engine,
    'studio',
    'worker',
    'cli',
    'window',
    'contract',
    'forms',
    'preload',
    'renderer',
    'scripts',
    'config',
  ],
};

/**
 * Layers of which only the types may be imported.
 *
 * @type {Record<string, string[]>}
 */
const seesTypesOf = { criteria: ['onnx'] };

/** Layers without main/engine/errors.ts: they know main/ only through the contract. */
const withoutErrors = [
  'contract',
  'forms',
  'templates',
  'chat-templates',
  'task-files',
  'published',
  'default-app',
  'preload',
  'renderer',
];

/** Layers that run in Electron's processes, and those that have no Node there: a sandboxed page. */
const electronLayers = ['window', 'preload', 'default-app'];
const sandboxedLayers = ['renderer'];

/**
 * The kinds of a folder: the files that define one (`export const linear = defineOp(`). The others are parts that its
 * kinds share.
 *
 * @param {string} folder
 */
export function kindFiles(folder) {
  const directory = fileURLToPath(new URL(`main/engine/${folder}/`, import.meta.url));
  const names = existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith('.ts')) : [];
  return names.filter((name) => /= define[A-Z]\w*\(/.test(readFileSync(directory + name, 'utf8')));
}

/** The layer of every file, as the first pattern that matches it. */
const files = [
  layer('errors', ['main/engine/errors.ts']),
  layer('run', ['main/engine/*.ts']),
  ...Object.entries(kindFolders).flatMap(([folder, definitions]) => [
    layer(`${folder}-index`, inFolder(folder, ['index.ts'])),
    layer(`${folder}-definition`, inFolder(folder, definitions)),
    layer(`${folder}-kind`, inFolder(folder, kindFiles(folder))),
    layer(`${folder}-part`, inFolder(folder, ['**'])),
  ]),
  ...engine
    .filter((name) => name !== 'run' && !(name in kindFolders))
    .map((name) => layer(name, [`main/engine/${name}/**`])),
  layer('studio', ['main/studio/**']),
  layer('worker', ['main/worker/**']),
  layer('cli', ['main/cli.ts', 'main/cli/**']),
  layer('window', ['main/*.ts']),
  layer('templates', ['resources/templates/**']),
  layer('chat-templates', ['resources/chat-templates/**']),
  layer('task-files', ['resources/tasks/**']),
  layer('published', ['resources/published/**']),
  layer('forms', ['preload/forms/**']),
  layer('contract', ['preload/contract.ts', 'preload/*-contract.ts', 'preload/channels.ts']),
  layer('default-app', ['scripts/electron/default-app.mjs']),
  ...['preload', 'renderer', 'scripts', 'test'].map((name) => layer(name, [`${name}/**`])),
  layer('config', ['*.js']),
].filter(({ pattern }) => pattern.length > 0);

const policies = [
  allow(['*'], to({ module: { origin: ['external', 'core'] } })),
  disallow(['*'], to({ module: { source: 'electron' } })),
  allow(electronLayers, to({ module: { source: 'electron' } })),
  disallow(sandboxedLayers, to({ module: { origin: 'core' } })),
  ...Object.keys(sees).map((name) => allow(filesOf(name), toLayers(sees[name].flatMap(entranceOf)))),
  ...Object.keys(sees)
    .filter((name) => !withoutErrors.includes(name))
    .map((name) => allow(filesOf(name), toLayers(['errors']))),
  ...Object.entries(seesTypesOf).map(([name, layers]) =>
    allow(filesOf(name), { ...toLayers(layers.flatMap(entranceOf)), dependency: { kind: 'type' } }),
  ),
  // A layer's own files: free where they are all alike, directed where they are kinds.
  ...Object.keys(sees)
    .filter((name) => !(name in kindFolders))
    .map((name) => allow([name], toLayers([name]))),
  ...Object.keys(kindFolders).flatMap((folder) => [
    allow([`${folder}-index`], toLayers(filesOf(folder))),
    allow(
      [`${folder}-kind`, `${folder}-part`, `${folder}-definition`],
      toLayers([`${folder}-definition`, `${folder}-part`]),
    ),
    allow(['test'], toLayers([`${folder}-part`])),
  ]),
];

/**
 * The directions between the folders, as lint errors.
 *
 * @type {import('eslint').Linter.Config}
 */
export const layers = {
  files: ['{main,preload,renderer,scripts,test}/**/*.{ts,tsx,mjs}'],
  plugins: { boundaries },
  settings: {
    'import/resolver': { './eslint.resolver.cjs': {} },
    'boundaries/files': files,
    'boundaries/files-single-match': true,
    'boundaries/dependency-nodes': ['import', 'export', 'dynamic-import', 'require'],
  },
  rules: {
    'boundaries/no-unknown-files': 'error',
    'boundaries/dependencies': [
      'error',
      {
        default: 'disallow',
        checkAllOrigins: true,
        checkUnknownLocals: true,
        checkInternals: true,
        policies,
        message:
          '{{from.file.categories.[0]}} may not import {{#if to.module.source}}{{to.module.source}}' +
          '{{else}}{{to.file.categories.[0]}} ({{dependency.source}}){{/if}}: see the directions in eslint.layers.js.',
      },
    ],
  },
};

/**
 * @param {string} category
 * @param {string[]} pattern
 */
function layer(category, pattern) {
  return { category, pattern };
}

/**
 * @param {string} folder
 * @param {string[]} names
 */
function inFolder(folder, names) {
  return names.map((name) => `main/engine/${folder}/${name}`);
}

/**
 * Every category of a layer's files.
 *
 * @param {string} name
 */
function filesOf(name) {
  return name in kindFolders
    ? ['index', 'definition', 'kind', 'part'].map((role) => `${name}-${role}`)
    : [name];
}

/**
 * The categories of a layer's files that other layers may import.
 *
 * @param {string} name
 */
function entranceOf(name) {
  return name in kindFolders ? [`${name}-index`, `${name}-definition`] : [name];
}

/** @param {object} selector */
function to(selector) {
  return { to: selector };
}

/** @param {string[]} categories */
function toLayers(categories) {
  return to({ file: { categories } });
}

/**
 * @param {string[]} categories
 * @param {object} target
 */
function allow(categories, target) {
  return { from: { file: { categories } }, allow: target };
}

/**
 * @param {string[]} categories
 * @param {object} target
 */
function disallow(categories, target) {
  return { from: { file: { categories } }, disallow: target };
}
