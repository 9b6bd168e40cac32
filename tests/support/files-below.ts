import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

/** Reads every file below a folder as text, by its path with `/`; none if the folder does not exist. */
export async function filesBelow(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  const paths = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  const contents = await Promise.all(paths.map((path) => readFile(path, 'latin1')));
  return Object.fromEntries(paths.map((path, k) => [relative(folder, path).split(sep).join('/'), contents[k] ?? '']));
}
