import { isArchive, rootOfArchive } from '../dataset/layout.ts';
import type { RecordFile } from '../zenodo/record.ts';
import { archiveKind } from './archive-kind.ts';

/**
 * Finds out what the archives of a record hold whose names do not say it, so that a version of the record with other
 * names, or with one archive more, is taken as it is.
 *
 * @param paths - Lists the members of an archive; it is asked only for archives with unknown names.
 * @returns The files, archives that were recognised with their `root`.
 */
export async function identifyArchives(
  files: readonly RecordFile[],
  paths: (file: RecordFile) => Promise<readonly string[]>,
): Promise<readonly RecordFile[]> {
  const identified: RecordFile[] = [];
  for (const file of files) {
    const isUnknown = isArchive(file.key) && rootOfArchive(file) === undefined;
    const root = isUnknown ? archiveKind(await paths(file)) : undefined;
    identified.push(root === undefined ? file : { ...file, root });
  }
  return identified;
}
