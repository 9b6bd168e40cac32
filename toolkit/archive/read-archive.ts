import { type FileHandle, open } from 'node:fs/promises';
import { type Entry, fromFdPromise, type ZipFile } from 'yauzl';
import { ReigniteError } from '../errors.ts';
import { codeOf, hasCode } from '../files/file-access.ts';
import {
  type ArchiveLimits,
  type ArchivePlace,
  type CheckedEntry,
  checkEntries,
  DEFAULT_LIMITS,
  refuse,
} from './check-entries.ts';

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
async function readEntries({ path, zip, end }: OpenArchive, most: number): Promise<readonly Entry[]> {
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

/** A file in an archive. */
export interface ArchiveMember {
  /** Path relative to the target folder, with `/`. */
  readonly path: string;
  /** Unpacked size in bytes. */
  readonly size: number;
  readonly crc32: number;
}

export interface ListArchiveOptions extends ArchivePlace {
  /** Selects members by path. Default: all. */
  readonly select?: ((path: string) => boolean) | undefined;
  readonly limits?: Partial<ArchiveLimits> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Lists the members of an archive in order, and the bytes that they need on disk. Makes all checks that are possible without
 * unpacking; the content of an archive that passes may still be damaged.
 *
 * @throws ReigniteError ARCHIVE_UNSAFE, ARCHIVE_CORRUPT, both naming archive and member; FILE_MISSING.
 */
export async function listArchive(
  path: string,
  options: ListArchiveOptions,
): Promise<{ readonly members: readonly ArchiveMember[]; readonly bytes: number }> {
  return withArchive(path, async (archive) => {
    const members = (await checkedMembers(archive, options)).files.map(memberOf);
    return { members, bytes: members.reduce((sum, { size }) => sum + size, 0) };
  });
}

export function memberOf({ entry, path }: CheckedEntry): ArchiveMember {
  return { path, size: entry.uncompressedSize, crc32: entry.crc32 };
}

/** A member to unpack. */
export interface PlacedEntry extends CheckedEntry {
  /** Offset of its content in the archive. */
  readonly dataStart: number;
}

/** Returns what to unpack, after all checks that are possible without unpacking. */
export async function checkedMembers(
  archive: OpenArchive,
  { root, folders, select = () => true, limits, signal }: ListArchiveOptions,
): Promise<{ readonly files: readonly PlacedEntry[]; readonly folders: readonly string[] }> {
  const allowed = { ...DEFAULT_LIMITS, ...limits };
  const entries = await readEntries(archive, allowed.files);
  const checked = checkEntries(archive.path, entries, { root, folders }, allowed);
  const starts = await refuseOverlaps(archive, checked, select, signal);
  const isClutter = ({ path }: CheckedEntry) => path.split('/').includes('__MACOSX');
  return {
    files: checked.flatMap((member) => {
      const dataStart = starts.get(member);
      return member.wanted && dataStart !== undefined ? [{ ...member, dataStart }] : [];
    }),
    folders: checked
      .filter((member) => member.isFolder && !isClutter(member) && select(member.path))
      .map(({ path }) => path),
  };
}

/**
 * Refuses members that overlap, with which a small archive could unpack to a huge one, and members whose own header differs
 * from the central directory, so that other programs would see other contents. For members that are not selected, only the
 * central directory is checked.
 *
 * @returns The offsets of the content of the selected members.
 */
async function refuseOverlaps(
  archive: OpenArchive,
  checked: readonly CheckedEntry[],
  select: (path: string) => boolean,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<CheckedEntry, number>> {
  const startOf = ({ entry }: CheckedEntry) => entry.relativeOffsetOfLocalHeader;
  const starts = new Map<CheckedEntry, number>();
  let free = 0;
  for (const member of checked.toSorted((a, b) => startOf(a) - startOf(b))) {
    signal?.throwIfAborted();
    if (startOf(member) < free) refuse(archive.path, member.name, 'overlaps another member');
    if (startOf(member) >= archive.end.offset) refuse(archive.path, member.name, 'is outside the archive');
    const isSelected = select(member.path);
    const dataStart = isSelected ? await dataStartOf(archive, member) : leastDataStart(member);
    if (isSelected) starts.set(member, dataStart);
    free = dataStart + member.entry.compressedSize;
    if (free > archive.end.offset) refuse(archive.path, member.name, 'overlaps the central directory');
  }
  return starts;
}

const LOCAL_HEADER_LENGTH = 30;

/** Returns the smallest possible offset of a member's content: its header repeats the name and may contain more. */
function leastDataStart({ entry }: CheckedEntry): number {
  return entry.relativeOffsetOfLocalHeader + LOCAL_HEADER_LENGTH + entry.fileNameRaw.length;
}

async function dataStartOf({ path, zip }: OpenArchive, { entry, name }: CheckedEntry): Promise<number> {
  const header = await zip.readLocalFileHeaderPromise(entry).catch((error) => {
    throw asArchiveError(error, path, name);
  });
  if (!header.fileName.equals(entry.fileNameRaw) || header.compressionMethod !== entry.compressionMethod) {
    refuse(path, name, 'is described in two ways');
  }
  return header.fileDataStart;
}

/** A member and its byte range in the archive, header included. */
export interface LocatedMember extends ArchiveMember {
  readonly start: number;
  /** Offset after its last byte. */
  readonly end: number;
}

/**
 * Locates the members of an archive. Reads only the central directory, so the rest of the file may be missing.
 *
 * @throws ReigniteError ARCHIVE_UNSAFE, ARCHIVE_CORRUPT.
 */
export async function locateMembers(path: string, place: ArchivePlace): Promise<readonly LocatedMember[]> {
  return withArchive(path, async (archive) => {
    const entries = await readEntries(archive, DEFAULT_LIMITS.files);
    const checked = checkEntries(path, entries, place, DEFAULT_LIMITS);
    const starts = checked.map(({ entry }) => entry.relativeOffsetOfLocalHeader);
    const sorted = [...starts, archive.end.offset].sort((a, b) => a - b);
    const endOf = new Map(sorted.map((start, index) => [start, sorted[index + 1] ?? start]));
    return checked.flatMap((member, index) => {
      const start = starts[index] ?? 0;
      return member.wanted ? [{ ...memberOf(member), start, end: endOf.get(start) ?? start }] : [];
    });
  });
}
