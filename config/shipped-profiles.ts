import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { packageFile } from './package-files.ts';
import { RunConfig } from './schema.ts';

/** The profiles that come with the package. */
export const SHIPPED_PROFILES = ['sample', 'paper'] as const;

/** Returns the path of a shipped profile; undefined if there is none of this name. */
export function shippedPath(name: string): string | undefined {
  const shipped = SHIPPED_PROFILES.find((each) => each === name);
  return shipped && packageFile(`config/profiles/${shipped}.yaml`);
}

/** Returns a shipped profile with its defaults; undefined if there is none of this name. */
export function shippedProfile(name: string): RunConfig | undefined {
  const path = shippedPath(name);
  return path === undefined ? undefined : RunConfig.parse(parse(readFileSync(path, 'utf8')));
}
