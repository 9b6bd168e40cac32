import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { sha256OfFile } from '../../toolkit/files/hash-file.ts';

/** Computes SHA-256 of every file below the named subfolders of `root`, by relative path. */
export async function digestsBelow(root: string, folders: readonly string[]): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const folder of folders) {
    const entries = await readdir(join(root, folder), { withFileTypes: true, recursive: true });
    for (const entry of entries.filter((each) => each.isFile())) {
      const path = join(entry.parentPath, entry.name);
      digests[path.slice(root.length + 1)] = await sha256OfFile(path);
    }
  }
  return digests;
}

/** Reads every file below a folder as text, by its path with `/`; none if the folder does not exist. */
export async function filesBelow(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  const paths = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  const contents = await Promise.all(paths.map((path) => readFile(path, 'latin1')));
  return Object.fromEntries(paths.map((path, k) => [relative(folder, path).split(sep).join('/'), contents[k] ?? '']));
}
