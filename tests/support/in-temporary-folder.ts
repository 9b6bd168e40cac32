import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, onTestFinished } from 'vitest';

/** Killed child processes, such as those of a browser, may still write for a moment. */
const REMOVAL = { recursive: true, force: true, maxRetries: 50, retryDelay: 100 } as const;

/** Creates a folder for the calling test; it is removed when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'reignite-test-'));
  onTestFinished(() => rm(folder, REMOVAL));
  return folder;
}

/** Creates a folder for all tests of a file; it is removed after the last. Get its path within the tests. */
export function suiteFolder(): () => string {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'reignite-suite-'));
  });
  afterAll(() => rm(folder, REMOVAL));
  return () => folder;
}
