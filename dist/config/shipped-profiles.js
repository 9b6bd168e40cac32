import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { packageFile } from './package-files.js';
import { RunConfig } from './schema.js';
/** The profiles that come with the package. */
export const SHIPPED_PROFILES = ['sample', 'paper'];
/** Where a profile of the package lies; undefined where it has none of that name. */
export function shippedPath(name) {
    const shipped = SHIPPED_PROFILES.find((each) => each === name);
    return shipped && packageFile(`config/profiles/${shipped}.yaml`);
}
/** A profile of the package with nothing set otherwise; undefined where it has none of that name. */
export function shippedProfile(name) {
    const path = shippedPath(name);
    return path === undefined ? undefined : RunConfig.parse(parse(readFileSync(path, 'utf8')));
}
