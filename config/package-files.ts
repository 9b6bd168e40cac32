import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** Folder of this package. This file is in `config/` of the sources, or in `dist/config/` when compiled. */
const ROOT = [new URL('..', import.meta.url), new URL('../..', import.meta.url)].find((folder) =>
  existsSync(new URL('package.json', folder)),
);

/** The package folder, ending with a slash. */
export const PACKAGE_ROOT = fileURLToPath(ROOT ?? new URL('..', import.meta.url));

/**
 * Locates a file that the package ships unchanged, such as a profile or the sample record.
 *
 * @param path - Relative to the package folder, with forward slashes.
 * @returns The absolute path.
 * @example packageFile('config/profiles/paper.yaml')
 */
export function packageFile(path: string): string {
  return `${PACKAGE_ROOT}${path}`;
}

/**
 * Locates the compiled form of a source file, for processes and threads: they always run compiled code, even when the
 * caller runs from the sources, as in the tests.
 *
 * @param source - Relative to the package folder, such as `worker.ts`.
 * @returns The absolute path of the JavaScript file in `dist/`.
 */
export function compiledFile(source: string): string {
  return packageFile(`dist/${source.replace(/\.ts$/, '.js')}`);
}

/** Reads the package's own `package.json`. */
function packageManifest(): unknown {
  return JSON.parse(readFileSync(packageFile('package.json'), 'utf8'));
}

/** Returns the version of this package. */
export function packageVersion(): string {
  return z.object({ version: z.string() }).parse(packageManifest()).version;
}

/** Returns the version of the Temporal SDK that this package is built on. */
export function temporalVersion(): string {
  const { dependencies } = z.object({ dependencies: z.record(z.string(), z.string()) }).parse(packageManifest());
  return dependencies['@temporalio/workflow'] ?? 'unknown';
}
