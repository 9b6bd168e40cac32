import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { KINDS } from '../dataset/layout.ts';
import type { RecordCheck } from './record-check.ts';

/**
 * Finds a record that was manually unpacked one folder too deep: inside another folder (`data/ignite/images`), or each
 * archive in a folder with its name (`data/images/images`).
 *
 * @param data - Data folder.
 * @returns Failed checks, or none.
 */
export async function misplacedFolders(data: string): Promise<readonly RecordCheck[]> {
  const folders = await foldersIn(data);
  const present = KINDS.filter((kind) => folders.includes(kind));
  if (present.length === 0) return insideAnother(data, folders);
  const doubled = await Promise.all(present.map(async (kind) => ({ kind, inner: await foldersIn(join(data, kind)) })));
  return doubled
    .filter(({ kind, inner }) => inner.length === 1 && inner[0] === kind)
    .map(({ kind }) => ({
      subject: `${kind}/`,
      status: 'fail',
      detail: `${join(data, kind)} has another ${kind} folder in it`,
      remedy: `Move what is in ${join(data, kind, kind)} to ${join(data, kind)}.`,
    }));
}

async function insideAnother(data: string, folders: readonly string[]): Promise<readonly RecordCheck[]> {
  const found: string[] = [];
  for (const folder of folders) {
    const inner = await foldersIn(join(data, folder));
    if (KINDS.filter((kind) => inner.includes(kind)).length > 1) found.push(join(data, folder));
  }
  const [only, ...others] = found;
  if (only === undefined || others.length > 0) return [];
  const detail = `the folders of the record are in ${only}`;
  return [{ subject: 'data folder', status: 'fail', detail, remedy: `Use \`--data ${only}\`.` }];
}

async function foldersIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
