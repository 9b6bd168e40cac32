import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { statIfThere } from '../../toolkit/files/if-there.ts';

const ASK_MS = 10_000;
const QUESTION = 'import site; print("\\n".join([*site.getsitepackages(), site.getusersitepackages()]))';

/** Returns the package folders of the `python3` on PATH, including those of an active virtual environment. */
export function pythonPackageFolders(): readonly string[] {
  try {
    const told = execFileSync('python3', ['-c', QUESTION], {
      encoding: 'utf8',
      timeout: ASK_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return told.split('\n').filter((line) => line !== '');
  } catch {
    return [];
  }
}

/**
 * Finds NVIDIA's libraries in the packages that PyTorch installs: `nvidia/<package>/lib` below a package folder.
 *
 * @param names - Names of the libraries, such as `libcudart.so.13`.
 * @param roots - Package folders of Python.
 * @returns Path by name; undefined unless all are found.
 */
export async function findLibraries(
  names: readonly string[],
  roots: readonly string[],
): Promise<ReadonlyMap<string, string> | undefined> {
  const found = new Map<string, string>();
  for (const root of roots) {
    for (const vendor of await namesIn(join(root, 'nvidia'))) {
      for (const name of names) {
        const path = join(root, 'nvidia', vendor, 'lib', name);
        if (!found.has(name) && (await statIfThere(path))?.isFile() === true) found.set(name, path);
      }
    }
  }
  return names.every((name) => found.has(name)) ? found : undefined;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}
