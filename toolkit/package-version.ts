import { z } from 'zod';
import { packageManifest } from '../config/package-files.ts';

/** Returns the version of this package. */
export function packageVersion(): string {
  return z.object({ version: z.string() }).parse(packageManifest()).version;
}

/** Returns the version of the Temporal SDK that this package is built on. */
export function temporalVersion(): string {
  const { dependencies } = z.object({ dependencies: z.record(z.string(), z.string()) }).parse(packageManifest());
  return dependencies['@temporalio/workflow'] ?? 'unknown';
}
