// Jest runs the TypeScript sources as native ES modules; swc only strips the types.
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } },
    ],
  },
  testMatch: ['<rootDir>/{lib,stages,test,bench}/**/*.test.ts'],
  modulePathIgnorePatterns: ['<rootDir>/bench/work', '<rootDir>/dist'],
  testTimeout: 60_000,
  maxWorkers: 2,
};
