import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
/** Folder of this package: this file is in `config/` of the sources, or in `dist/config/` once compiled. */
const ROOT = [new URL('..', import.meta.url), new URL('../..', import.meta.url)].find((folder) => existsSync(new URL('package.json', folder)));
/** The package folder, ending with a slash. */
export const PACKAGE_ROOT = fileURLToPath(ROOT ?? new URL('..', import.meta.url));
/**
 * Locates a file that the package ships as it is, such as a profile or the sample record.
 *
 * @param path - Relative to the package folder, with forward slashes.
 * @returns The absolute path.
 * @example packageFile('config/profiles/paper.yaml')
 */
export function packageFile(path) {
    return `${PACKAGE_ROOT}${path}`;
}
/**
 * Locates the compiled form of a source file, for whatever starts a process or a thread of its own: those always run
 * compiled code, also when the caller runs from the sources, as in the tests.
 *
 * @param source - Relative to the package folder, such as `worker.ts`.
 * @returns The absolute path of the JavaScript file in `dist/`.
 */
export function compiledFile(source) {
    return packageFile(`dist/${source.replace(/\.ts$/, '.js')}`);
}
/** Reads the package's own `package.json`. */
export function packageManifest() {
    return JSON.parse(readFileSync(packageFile('package.json'), 'utf8'));
}
