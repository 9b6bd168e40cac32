import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { packageFile } from './package-files.ts';
import { RunConfig } from './schema.ts';

/** The profiles that come with the package. */
export const SHIPPED_PROFILES = ['sample', 'paper'] as const;

/** Where a profile of the package lies; undefined where it has none of that name. */
export function shippedPath(name: string): string | undefined {
  const shipped = SHIPPED_PROFILES.find((each) => each === name);
  return shipped && packageFile(`config/profiles/${shipped}.yaml`);
}

/** A profile of the package with nothing set otherwise; undefined where it has none of that name. */
export function shippedProfile(name: string): RunConfig | undefined {
  const path = shippedPath(name);
  return path === undefined ? undefined : RunConfig.parse(parse(readFileSync(path, 'utf8')));
}
