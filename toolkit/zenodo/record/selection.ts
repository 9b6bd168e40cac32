import { posix } from 'node:path';
import picomatch from 'picomatch';
import { ReigniteError } from '../../errors.ts';

/**
 * Selects files of a record with globs over the paths that they and the members of archives have in the data folder
 * (`images/he/patient1_*`, `**` for any depth). A glob without a slash matches names at any depth (`*.json`).
 */
export class Selection {
  readonly #matches: (path: string) => boolean;
  readonly #bases: readonly string[];

  /** @throws ReigniteError USAGE for an empty glob, or without any. */
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

  /** Returns whether a file of the record, or a member of an archive, is selected. */
  takes(path: string): boolean {
    return this.#matches(path);
  }

  /** Returns whether something in a folder may be selected, so that the archive must be inspected. */
  mayTakeBelow(folder: string): boolean {
    return this.#bases.some((base) => {
      const fixed = posix.normalize(base);
      return fixed === '.' || fixed === folder || fixed.startsWith(`${folder}/`);
    });
  }
}
