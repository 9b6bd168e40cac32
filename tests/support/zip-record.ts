import { createWriteStream } from 'node:fs';
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';

const ROOTS = ['images', 'annotations', 'models', 'inference', 'figures'];

/**
 * Makes the files of a record from its unpacked layout: one zip per folder (with that folder at the zip's root, as
 * published) and copies of the plain files. The source is only read.
 */
export async function zipRecord(source: string, out: string, { compress = false } = {}): Promise<void> {
  await mkdir(out, { recursive: true });
  for (const entry of await readdir(source, { withFileTypes: true })) {
    if (entry.isFile()) await copyFile(join(source, entry.name), join(out, entry.name));
    if (entry.isDirectory() && ROOTS.includes(entry.name)) await zipFolder(source, entry.name, out, compress);
  }
}

async function zipFolder(source: string, root: string, out: string, compress: boolean): Promise<void> {
  const zip = new ZipFile();
  const entries = await readdir(join(source, root), { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.sort()) {
    const name = file.slice(source.length + 1).replaceAll('\\', '/');
    // A fixed date makes the same zip, and the same MD5, every time.
    zip.addFile(file, name, { compress, mtime: new Date(Date.UTC(2025, 5, 1)), mode: 0o100644 });
  }
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(join(out, `${root}.zip`)));
}
