import { readFileSync } from 'node:fs';
import { z } from 'zod';

const PackageJson = z.object({ name: z.string(), version: z.string() });

let cached: string | undefined;

/**
 * How this client names itself: `name/version (+url)`, the form that Zenodo's support asks for.
 * Clients without an identifying name are throttled or refused there.
 */
export function defaultUserAgent(): string {
  if (cached === undefined) {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    const { name, version } = PackageJson.parse(JSON.parse(text));
    cached = `${name}/${version} (TypeScript; +https://zenodo.org/records/15674785)`;
  }
  return cached;
}
