import { type FileHandle, open } from 'node:fs/promises';
import { type Entry, fromFdPromise, type ZipFile } from 'yauzl';
import { ReigniteError } from '../errors.ts';
import { codeOf, hasCode } from '../files/disk-error.ts';

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

/** Location of the central directory of a zip, from its end record (the 64-bit one, if present). */
interface EndOfDirectory {
  readonly entries: number;
  /** Offset of the directory's first byte. */
  readonly offset: number;
  /** Size of the directory in bytes. */
  readonly size: number;
}

const END_SIGNATURE = 0x06054b50;
const LOCATOR_SIGNATURE = 0x07064b50;
const END64_SIGNATURE = 0x06064b50;
const END_LENGTH = 22;
const LOCATOR_LENGTH = 20;
const END64_LENGTH = 56;
const MAX_COMMENT = 0xffff;

/**
 * Reads the end record of a zip and checks that the central directory ends where this record starts. Programs that trust
 * only some of its fields can be made to see different entries, so all fields must agree.
 *
 * @throws ReigniteError ARCHIVE_CORRUPT naming the archive.
 * @see PKWARE APPNOTE.TXT 6.3.10, sections 4.3.14 to 4.3.16
 */
export async function readEndOfDirectory(file: FileHandle, archive: string): Promise<EndOfDirectory> {
  const { size } = await file.stat();
  const tailStart = Math.max(0, size - END_LENGTH - MAX_COMMENT - LOCATOR_LENGTH);
  const tail = await read(file, tailStart, size - tailStart, archive);
  const at = findEnd(tail);
  if (at === undefined) throw corrupt(archive, 'has no end of central directory: it is not a zip file, or was cut off');
  const end = { disk: tail.readUInt16LE(at + 4), entries: tail.readUInt16LE(at + 10) };
  const small = { entries: end.entries, size: tail.readUInt32LE(at + 12), offset: tail.readUInt32LE(at + 16) };
  const locator = at - LOCATOR_LENGTH;
  const is64 = locator >= 0 && tail.readUInt32LE(locator) === LOCATOR_SIGNATURE;
  const found = is64
    ? await readEnd64(file, Number(tail.readBigUInt64LE(locator + 8)), tailStart + locator, archive)
    : { ...small, endsAt: tailStart + at };
  if (!is64 && end.disk !== 0) throw corrupt(archive, 'is one part of a split archive');
  if (found.offset + found.size !== found.endsAt) {
    throw corrupt(archive, 'has its central directory at another place than its end record states');
  }
  return { entries: found.entries, offset: found.offset, size: found.size };
}

/** Searches backwards for the end record. Undefined unless the comment of the last one ends with the file. */
function findEnd(tail: Buffer): number | undefined {
  for (let at = tail.length - END_LENGTH; at >= 0; at--) {
    if (tail.readUInt32LE(at) === END_SIGNATURE) {
      return tail.readUInt16LE(at + 20) === tail.length - at - END_LENGTH ? at : undefined;
    }
  }
  return undefined;
}

async function readEnd64(file: FileHandle, at: number, locatorAt: number, archive: string) {
  if (at + END64_LENGTH > locatorAt) throw corrupt(archive, 'refers to a place beyond its end');
  const record = await read(file, at, END64_LENGTH, archive);
  if (record.readUInt32LE(0) !== END64_SIGNATURE)
    throw corrupt(archive, 'has no 64-bit end record at the stated place');
  if (record.readUInt32LE(16) !== 0) throw corrupt(archive, 'is one part of a split archive');
  return {
    entries: Number(record.readBigUInt64LE(32)),
    size: Number(record.readBigUInt64LE(40)),
    offset: Number(record.readBigUInt64LE(48)),
    endsAt: at,
  };
}

async function read(file: FileHandle, position: number, length: number, archive: string): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  if (bytesRead < length) throw corrupt(archive, 'was cut off while it was read');
  return buffer;
}
