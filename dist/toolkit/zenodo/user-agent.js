import { packageVersion } from '../package-version.js';
/**
 * How this client names itself: `name/version (+url)`, the form that Zenodo's support asks for.
 * Clients without an identifying name are throttled or refused there.
 */
export function defaultUserAgent() {
    return `reignite/${packageVersion()} (TypeScript; +https://zenodo.org/records/15674785)`;
}
