/** Tests run from the sources through swc; types are checked by `make check`, not here. */
module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  maxWorkers: 2,
  // What test files leave behind makes all that come after them slow: a worker that has so much of it is replaced.
  workerIdleMemoryLimit: '384MB',
  testTimeout: 30_000,
};
