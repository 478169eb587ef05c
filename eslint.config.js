import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

import { layers } from './eslint.layers.js';

const noDefaultExport = {
  selector: 'ExportDefaultDeclaration',
  message: 'Export by name, so that a thing has one name everywhere.',
};

/** @type {import('eslint').Linter.RulesRecord} */
const anyIsReadable = {
  '@typescript-eslint/no-unsafe-argument': 'off',
  '@typescript-eslint/no-unsafe-assignment': 'off',
  '@typescript-eslint/no-unsafe-call': 'off',
  '@typescript-eslint/no-unsafe-member-access': 'off',
  '@typescript-eslint/no-unsafe-return': 'off',
};

export default defineConfig(
  globalIgnores(['dist', 'release', 'runs', 'coverage', 'resources', 'test/golden', 'test/oracles']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      'no-restricted-syntax': ['error', noDefaultExport],
      // The compiler knows the globals.
      'no-undef': 'off',

      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],

      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Indexing is typed as always present here, so the rule would call a check of a missing entry needless.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // An async function without await still turns a throw into a rejection, which is why it is async.
      '@typescript-eslint/require-await': 'off',
    },
  },
  layers,
  {
    // Golden files and reports are read as the JSON that they are.
    files: ['test/**'],
    rules: anyIsReadable,
  },
  {
    // Types in comments: the compiler checks them, but these rules do not see them.
    files: ['**/*.{js,cjs,mjs}'],
    rules: { ...anyIsReadable, '@typescript-eslint/explicit-module-boundary-types': 'off' },
  },
  {
    files: ['**/*.cjs'],
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  {
    // Their tools read the default export.
    files: ['**/*.config.{js,ts}', '*.cjs'],
    rules: { 'no-restricted-syntax': 'off' },
  },
);
