import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A home that keeps the workflows' code between test files, which would otherwise each build it. */
export function bundleHome(): string {
  return join(tmpdir(), 'reignite-test-bundles');
}
