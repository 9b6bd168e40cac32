import { open, readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { type FileSource, fileHolds } from '../dataset/find-files.ts';
import { isPlainFile, KINDS } from '../dataset/layout.ts';
import { statIfThere } from '../files/if-there.ts';

/** The files of a record in the layout of the data folder, on disk or in archives on a server. */
export interface RecordTree {
  /** Sizes in bytes by path, relative to the data folder, with `/`. */
  readonly sizes: ReadonlyMap<string, number>;
  /**
   * Reads the first bytes of files.
   *
   * @returns By path, without files that cannot be read or exceed what may be fetched.
   */
  heads(paths: readonly string[], length: number): Promise<ReadonlyMap<string, Buffer>>;
  /**
   * Reads the start of a file that is too large for `local`.
   *
   * @param packed - Maximum number of compressed bytes.
   * @returns Undefined if it cannot be read.
   */
  start(path: string, packed: number): Promise<Buffer | undefined>;
  /** Fetches a whole file and returns its local path; undefined if it is missing or too large to be fetched now. */
  local(path: string): Promise<string | undefined>;
}

/** Adapts a tree so that files can be searched in it. */
export function sourceOf(tree: RecordTree): FileSource {
  return {
    paths: [...tree.sizes.keys()],
    async holds(path, texts) {
      const local = await tree.local(path);
      return local === undefined ? undefined : fileHolds(local, texts);
    },
  };
}

/** Returns the paths of a tree below a folder, sorted. */
export function pathsBelow(tree: RecordTree, folder: string): readonly string[] {
  return [...tree.sizes.keys()].filter((path) => path.startsWith(`${folder}/`)).sort();
}

/** Lists a data folder on disk. */
export async function folderTree(data: string): Promise<RecordTree> {
  const sizes = new Map<string, number>();
  const tables = (await readdir(data).catch(() => [])).filter(isPlainFile);
  for (const path of [...KINDS, ...tables]) await addSizes(data, path, sizes);
  return {
    sizes,
    async heads(paths, length) {
      const found = new Map<string, Buffer>();
      for (const path of paths) {
        const head = await headOf(join(data, ...path.split('/')), length);
        if (head !== undefined) found.set(path, head);
      }
      return found;
    },
    start: (path, packed) => headOf(join(data, ...path.split('/')), packed),
    local: async (path) => join(data, ...path.split('/')),
  };
}

async function addSizes(data: string, path: string, sizes: Map<string, number>): Promise<void> {
  const found = await statIfThere(join(data, path));
  if (found === undefined) return;
  if (found.isFile()) sizes.set(path, found.size);
  if (!found.isDirectory()) return;
  for (const entry of await readdir(join(data, path), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const full = join(entry.parentPath, entry.name);
    sizes.set(relative(data, full).split(sep).join('/'), (await stat(full)).size);
  }
}

async function headOf(path: string, length: number): Promise<Buffer | undefined> {
  const handle = await open(path, 'r').catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
