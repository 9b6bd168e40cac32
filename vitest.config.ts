import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    // Processes and threads that tests start run compiled code.
    globalSetup: './scripts/build.js',
    pool: 'forks',
    // Tests of the command line wait for servers and processes most of the time.
    maxWorkers: 3,
    env: { ORT_DISABLE_TELEMETRY: '1' },
    // What a test prints is shown when it fails.
    silent: 'passed-only',
    // Guards against a hang. No test is about time: on a busy machine all of them are slow.
    // CI repeats a failed test once; the closing lines name every test that passed only then.
    retry: process.env['CI'] === 'true' ? 1 : 0,
    testTimeout: 900_000,
    hookTimeout: 900_000,
    reporters: ['default', './scripts/closing-line-reporter.ts'],
  },
});
