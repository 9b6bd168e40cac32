import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** Version of this package. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

/** Version of the Temporal SDK that this package is built on. */
export function temporalVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { dependencies } = z.object({ dependencies: z.record(z.string(), z.string()) }).parse(JSON.parse(text));
  return dependencies['@temporalio/workflow'] ?? 'unknown';
}
