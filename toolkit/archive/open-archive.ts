import { type FileHandle, open } from 'node:fs/promises';
import { type Entry, fromFdPromise, type ZipFile } from 'yauzl';
import { ReigniteError } from '../errors.ts';
import { codeOf, hasCode } from '../files/disk-error.ts';
import { type EndOfDirectory, readEndOfDirectory } from './end-of-directory.ts';

export interface OpenArchive {
  readonly path: string;
  readonly zip: ZipFile;
  readonly file: FileHandle;
  readonly end: EndOfDirectory;
}

/**
 * Opens a zip, calls `use` and closes it.
 *
 * @throws ReigniteError FILE_MISSING or ARCHIVE_CORRUPT; what `use` throws.
 */
export async function withArchive<T>(path: string, use: (archive: OpenArchive) => Promise<T>): Promise<T> {
  const file = await openFile(path);
  try {
    const end = await readEndOfDirectory(file, path);
    const zip = await fromFdPromise(file.fd, { autoClose: false, decodeStrings: false }).catch((error) => {
      throw asArchiveError(error, path);
    });
    // The descriptor is closed here. If yauzl closed it too, it could hit another file that reuses the number.
    return await use({ path, zip, file, end });
  } finally {
    await file.close();
  }
}

/**
 * Reads all entries of the central directory.
 *
 * @param most - Maximum number of entries. An archive with more is refused before they are read.
 */
export async function readEntries({ path, zip, end }: OpenArchive, most: number): Promise<readonly Entry[]> {
  if (zip.entryCount !== end.entries) throw corrupt(path, 'states two different counts of entries');
  if (end.entries > most) {
    throw new ReigniteError('ARCHIVE_UNSAFE', `${path} has ${end.entries} entries; ${most} are allowed.`);
  }
  const entries: Entry[] = [];
  try {
    for await (const entry of zip.eachEntry()) entries.push(entry);
  } catch (error) {
    throw asArchiveError(error, path);
  }
  if (Number(zip.readEntryCursor) !== end.offset + end.size) {
    throw new ReigniteError('ARCHIVE_UNSAFE', `${path} has more entries in its central directory than it states.`);
  }
  return entries;
}

/** Converts errors of yauzl and zlib, which the archive causes, to errors about the archive. Keeps errors of the system. */
export function asArchiveError(error: unknown, archive: string, member?: string): unknown {
  if (!(error instanceof Error)) return error;
  const code = codeOf(error) ?? '';
  if (/^E[A-Z]+$/.test(code)) return error;
  const where = member === undefined ? archive : `${archive}, member ${JSON.stringify(member)}`;
  const isBomb = code === 'ERR_BUFFER_TOO_LARGE' || /^(too many bytes|strong encryption)/.test(error.message);
  const kind = isBomb ? 'ARCHIVE_UNSAFE' : 'ARCHIVE_CORRUPT';
  return new ReigniteError(kind, `${where}: ${error.message}.`, { cause: error });
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) {
      throw new ReigniteError('FILE_MISSING', `Archive not found: ${path}.`, { cause: error });
    }
    throw error;
  }
}

function corrupt(archive: string, what: string): ReigniteError {
  return new ReigniteError('ARCHIVE_CORRUPT', `${archive} ${what}.`);
}
