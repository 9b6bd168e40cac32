import { createWriteStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import { replaceFile } from '../files/atomic-write.ts';
import { RESULTS, reportFolder } from '../results/results-folder.ts';

/** Formats that are already compressed. */
const COMPRESSED = new Set(['.webp', '.png']);

/**
 * Writes report.zip, which contains the folder report/.
 *
 * @param time - Time of every entry, so that the same report gives the same zip.
 */
export async function zipReport(results: string, time: Date): Promise<void> {
  const zip = new ZipFile();
  const entries = await readdir(reportFolder(results), { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.tmp'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const file of files) {
    const name = file.slice(results.length + 1).replaceAll('\\', '/');
    zip.addFile(file, name, { mtime: time, mode: 0o100644, compress: !COMPRESSED.has(extname(file)) });
  }
  zip.end();
  await replaceFile(RESULTS.reportZip.in(results), (temporary) =>
    pipeline(zip.outputStream, createWriteStream(temporary, { flags: 'wx' })),
  );
}
