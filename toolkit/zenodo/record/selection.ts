import { posix } from 'node:path';
import picomatch from 'picomatch';
import { ReigniteError } from '../../errors.ts';

/**
 * What of a record is wanted: globs over the paths that its files and the members of its archives have in the data
 * folder (`images/he/patient1_*`, `**` for any depth). One without a slash fits a name at any depth (`*.json`).
 */
export class Selection {
  readonly #matches: (path: string) => boolean;
  readonly #bases: readonly string[];

  /** @throws ReigniteError USAGE for a glob that is none. */
  constructor(globs: readonly string[]) {
    const patterns = globs.map((glob) => glob.replace(/^\.?\/+/, ''));
    if (patterns.length === 0 || patterns.some((pattern) => pattern === '')) {
      throw new ReigniteError('USAGE', 'Expected --only GLOB, got an empty pattern.', {
        remedy: 'Use a path in the data folder, such as --only "images/he/patient1_*".',
      });
    }
    const matchers = patterns.map((pattern) => picomatch(pattern, { dot: true, basename: !pattern.includes('/') }));
    this.#matches = (path) => matchers.some((matches) => matches(path));
    this.#bases = patterns.map((pattern) => (pattern.includes('/') ? picomatch.scan(pattern).base : ''));
  }

  /** Whether a file of the record, or a member of an archive, is wanted. */
  takes(path: string): boolean {
    return this.#matches(path);
  }

  /** Whether something below a folder may be wanted: what a look into the archive has to decide. */
  mayTakeBelow(folder: string): boolean {
    return this.#bases.some((base) => {
      const fixed = posix.normalize(base);
      return fixed === '.' || fixed === folder || fixed.startsWith(`${folder}/`);
    });
  }
}
