import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, onTestFinished } from 'vitest';

/** Child processes that were killed, such as those of a browser, may write for a moment longer. */
const REMOVAL = { recursive: true, force: true, maxRetries: 50, retryDelay: 100 } as const;

/** A folder of its own for the test that asks; it goes when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'reignite-test-'));
  onTestFinished(() => rm(folder, REMOVAL));
  return folder;
}

/** A folder for all tests of a file; it goes after the last. Ask for its path within the tests. */
export function suiteFolder(): () => string {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'reignite-suite-'));
  });
  afterAll(() => rm(folder, REMOVAL));
  return () => folder;
}
