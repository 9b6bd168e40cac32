import { defineConfig } from 'vitest/config';
import { LongestFirst } from './scripts/longest-first.ts';

const ALL = 'tests/**/*.test.ts';
/** Tests of Temporal's native code, which keeps its state as long as the process lives. */
const ALONE = [
  'tests/runtime/run/{run-schedules,start-run}.test.ts',
  'tests/runtime/workers/{list-workers,pollers,unserved-queues}.test.ts',
  'tests/workflows/{replay,scale,updates}.test.ts',
];

export default defineConfig({
  test: {
    // Processes and threads that tests start run compiled code, and workers the bundled workflows.
    globalSetup: './scripts/build.js',
    pool: 'forks',
    // Tests of the command line wait for servers and processes most of the time.
    maxWorkers: 4,
    env: { ORT_DISABLE_TELEMETRY: '1' },
    // What a test prints is shown when it fails.
    silent: 'passed-only',
    // Guards against a hang. No test is about time: on a busy machine all of them are slow.
    // CI repeats a failed test once; the closing lines name every test that passed only then.
    retry: process.env['CI'] === 'true' ? 1 : 0,
    testTimeout: 900_000,
    hookTimeout: 900_000,
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: 'alone', include: ALONE } },
      {
        extends: true,
        // A process runs many files: starting one and loading libraries takes most of the time of a small file.
        test: {
          name: 'together',
          include: [ALL],
          exclude: ALONE,
          isolate: false,
          setupFiles: './tests/support/fresh-process.ts',
        },
      },
    ],
    reporters: ['default', './scripts/closing-line-reporter.ts'],
  },
});
