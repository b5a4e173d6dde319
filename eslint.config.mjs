// typescript-eslint strict, type-checked, and the floors of lib/: imports only go down (see ARCHITECTURE.md).
import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Each folder of lib/ and the folders that it may import from. */
const floors = {
  core: [],
  pipeline: ['core'],
  graph: ['core', 'pipeline'],
  plan: ['core', 'pipeline', 'graph'],
  workspace: ['core', 'pipeline', 'graph', 'plan'],
  store: ['core', 'pipeline', 'graph', 'plan'],
  exec: ['core', 'pipeline', 'graph', 'plan'],
  remote: ['core', 'pipeline', 'graph', 'plan'],
  report: ['core', 'pipeline', 'graph', 'plan'],
  run: ['core', 'pipeline', 'graph', 'plan', 'workspace', 'store', 'exec', 'remote', 'report'],
};
/** Pure floors know neither disk, clock, processes nor randomness. */
const pure = ['pipeline', 'graph', 'plan'];
const effects = ['fs', 'child_process', 'os', 'process', 'net', 'http', 'https', 'worker_threads', 'crypto'];

const floorRules = Object.entries(floors).map(([folder, allowed]) => {
  const forbidden = [...Object.keys(floors), 'cli'].filter((other) => other !== folder && !allowed.includes(other));
  const patterns = [
    {
      group: forbidden.map((other) => `../${other}/*`),
      message: `lib/${folder} may only import from: ${allowed.join(', ') || 'itself'}.`,
    },
    { group: ['**/stages/**'], message: 'lib/ knows nothing of stages/.' },
  ];
  if (pure.includes(folder)) {
    patterns.push({
      group: effects.flatMap((name) => [name, `node:${name}`, `node:${name}/*`]),
      message: `lib/${folder} is pure: no disk, clock, environment or randomness.`,
    });
  }
  const rules = { 'no-restricted-imports': ['error', { patterns }] };
  if (pure.includes(folder)) rules['no-restricted-globals'] = ['error', 'process', 'performance', 'Date', 'setTimeout'];
  return { files: [`lib/${folder}/**/*.ts`], ignores: ['**/*.test.ts'], rules };
});

export default tseslint.config(
  {
    ignores: [
      'dist',
      'dist-*',
      'coverage',
      'node_modules',
      'bench/work',
      'cache',
      '.dagrun',
      'data',
      'artifacts',
      'reports',
      'stages/engine/assembly', // AssemblyScript
      'test/remote/servers/python', // installed there
    ],
  },
  eslint.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['*.mjs', 'scripts/*.mjs', 'bench/*.mjs'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off',
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      eqeqeq: 'error',
    },
  },
  ...floorRules,
  {
    files: ['stages/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['**/lib/**'], message: 'stages/ is a user of the runner like any other.' }] },
      ],
    },
  },
  {
    files: ['**/*.mjs', '**/*.js', '**/*.cjs'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', Buffer: 'readonly', URL: 'readonly' } },
  },
  {
    files: ['**/*.test.ts', 'test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      'max-lines': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-floating-promises': 'off',
    },
  },
);
