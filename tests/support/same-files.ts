import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
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
