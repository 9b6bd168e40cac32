import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { constants, inflateRawSync } from 'node:zlib';
import type { ArchivePlace } from '../../archive/check-entries.ts';
import { type LocatedMember, locateMembers, readEndOfDirectory } from '../../archive/read-archive.ts';
import { sha256WhenRight, type UnpackedFile, unpackArchive } from '../../archive/unpack-archive.ts';
import { openForReading } from '../../files/file-access.ts';
import { lockFile } from '../../files/lease.ts';
import type { HttpGet } from '../http/http.ts';
import { fetchPieces, joinPieces, type Piece, PiecesFile, RangeIgnored, removePieces } from './fetch-pieces.ts';
import { partPath } from './part-file.ts';

/** Members of an archive to download without the rest of it. */
export interface MembersFetch extends Omit<HttpGet, 'headers'>, ArchivePlace {
  /** Where the whole archive would be. The downloaded pieces are next to it. */
  readonly path: string;
  /** Size of the archive in bytes. */
  readonly size: number;
  readonly md5: string;
  /** Folder into which the members are unpacked. */
  readonly target: string;
  /** Selects members by path. Default: all. */
  readonly select?: ((path: string) => boolean) | undefined;
  /** Called with the bytes downloaded so far, and in total. */
  readonly onProgress?: ((bytes: number, total: number) => void) | undefined;
}

/** A smaller archive is downloaded as a whole, bytes: its end and central directory would already be most of it. */
const WORTH_LOOKING = 256 * 2 ** 10;
/** Gaps up to this size, bytes, are downloaded, which is cheaper than another request. */
const DOWNLOAD_GAP = 2 ** 20;
/** With more requests, at about fifty per minute, downloading the whole archive is faster. */
const MAX_PIECES = 300;

/** Returns the path of the file with the downloaded pieces of an archive. */
export function piecesPath(archive: string): string {
  return `${archive}.pieces`;
}

/**
 * Downloads selected members of a zip with Range requests: first the central directory, then the members. Each member is
 * checked by its CRC-32, because the MD5 of the archive cannot verify a part of it. Members that already exist and are
 * correct are not downloaded.
 *
 * @returns The selected members, empty if the archive has none of them. Undefined if downloading the whole archive is
 *   faster: it is small, most of it is selected, or the server does not support ranges.
 * @throws ReigniteError as `downloadFile` and `unpackArchive` do; the signal's reason when aborted.
 */
export async function fetchMembers(options: MembersFetch): Promise<readonly UnpackedFile[] | undefined> {
  if (options.size < WORTH_LOOKING) return undefined;
  const lock = await lockFile(`${partPath(options.path)}.lock`, options.path);
  try {
    const signal = options.signal === undefined ? lock.lost : AbortSignal.any([options.signal, lock.lost]);
    return await fetchLocked({ ...options, signal });
  } catch (error) {
    if (!(error instanceof RangeIgnored)) throw error;
    await removePieces(piecesPath(options.path));
    return undefined;
  } finally {
    await lock.release();
  }
}

async function fetchLocked(job: MembersFetch): Promise<readonly UnpackedFile[] | undefined> {
  const pieces = piecesPath(job.path);
  const file = await PiecesFile.open(pieces, { size: job.size, md5: job.md5 });
  try {
    const members = await fetchDirectory(job, file, () => job.onProgress?.(0, job.size));
    const wanted = members.filter(({ path }) => job.select?.(path) ?? true);
    const { present, missing } = await sortOut(job, wanted);
    const places = joinPieces(missing, DOWNLOAD_GAP);
    const total = places.reduce((sum, { start, end }) => sum + end - start, 0);
    if (total > job.size / 2 || places.length > MAX_PIECES)
      throw new RangeIgnored('Downloading the whole file is faster.');
    const before = file.bytes;
    await fetchPieces(job, job.size, file, places, () => job.onProgress?.(file.bytes - before, total));
    const fetched = await unpackMissing(job, missing);
    await removePieces(pieces);
    const all = new Map([...present, ...fetched].map((member) => [member.path, member]));
    return wanted.flatMap(({ path }) => all.get(path) ?? []);
  } finally {
    await file.close();
  }
}

/** Separates members that already exist and are correct from those to download. */
async function sortOut(job: MembersFetch, wanted: readonly LocatedMember[]) {
  const present: UnpackedFile[] = [];
  const missing: LocatedMember[] = [];
  for (const member of wanted) {
    const { path, size, crc32 } = member;
    const sha256 = await sha256WhenRight(join(job.target, ...path.split('/')), member, job.signal);
    if (sha256 === undefined) missing.push(member);
    else present.push({ path, size, crc32, sha256 });
  }
  return { present, missing };
}

async function unpackMissing(job: MembersFetch, missing: readonly LocatedMember[]): Promise<readonly UnpackedFile[]> {
  if (missing.length === 0) return [];
  const paths = new Set(missing.map(({ path }) => path));
  const { files } = await unpackArchive({
    archive: piecesPath(job.path),
    target: job.target,
    root: job.root,
    folders: job.folders,
    select: (path) => paths.has(path),
    signal: job.signal,
  });
  return files;
}

/** Location of an archive, and of the file for the parts of it that are downloaded. */
interface RemoteArchiveOptions extends Omit<HttpGet, 'headers'>, ArchivePlace {
  /** File for the downloaded pieces. It needs only as much space as they do. */
  readonly pieces: string;
  /** Size of the archive in bytes. */
  readonly size: number;
  readonly md5: string;
}

/** Bytes at the end of a zip that contain its end records and, for small archives, the central directory. */
const TAIL = 32 * 2 ** 10;
/** The same with the longest possible comment, bytes. */
const MAX_TAIL = 68 * 2 ** 10;
const LOCAL_HEADER = 30;
const STORED = 0;
const DEFLATED = 8;
/** Members with gaps up to this size, bytes, are downloaded together. */
const READ_GAP = 16 * 2 ** 10;
/** Bytes allowed for the extra fields of a local header, whose length is not in the central directory. */
const EXTRA = 128;

/** A zip on a server, of which only the central directory and the first bytes of selected members are downloaded. */
export class RemoteArchive {
  readonly #get: RemoteArchiveOptions;
  readonly #file: PiecesFile;
  /** In the order of the central directory, see `locateMembers`. */
  readonly members: readonly LocatedMember[];

  private constructor(get: RemoteArchiveOptions, file: PiecesFile, members: readonly LocatedMember[]) {
    this.#get = get;
    this.#file = file;
    this.members = members;
  }

  /**
   * Downloads the central directory with one or two requests, three if the zip has a long comment.
   *
   * @throws RangeIgnored if the server sends only whole files; ReigniteError as `fetchPieces` and `locateMembers`.
   */
  static async open(options: RemoteArchiveOptions): Promise<RemoteArchive> {
    const { pieces, size, md5 } = options;
    const file = await PiecesFile.open(pieces, { size, md5 });
    try {
      return new RemoteArchive(options, file, await fetchDirectory(options, file));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Bytes of the archive that were downloaded so far. */
  get bytes(): number {
    return this.#file.bytes;
  }

  /**
   * Reads the first bytes of members. Neighbouring members share a request.
   *
   * @param length - Maximum unpacked bytes per member.
   * @returns The bytes by path. Members that are damaged or use an unknown compression are missing.
   */
  async heads(members: readonly LocatedMember[], length: number): Promise<ReadonlyMap<string, Buffer>> {
    const starts = await this.starts(members, length);
    return new Map([...starts].map(([path, content]) => [path, content.subarray(0, length)]));
  }

  /**
   * Like `heads`, but limited by packed length. A well-compressed member gives much more content than that.
   *
   * @param length - Packed bytes per member.
   */
  async starts(members: readonly LocatedMember[], length: number): Promise<ReadonlyMap<string, Buffer>> {
    await fetchPieces(this.#get, this.#get.size, this.#file, piecesOf(members, length), () => undefined);
    const handle = await open(this.#file.path, 'r');
    try {
      const found = new Map<string, Buffer>();
      for (const member of members) {
        const { start, end } = pieceOf(member, length);
        const { buffer } = await handle.read(Buffer.alloc(end - start), 0, end - start, start);
        const content = contentOf(buffer);
        if (content !== undefined) found.set(member.path, content);
      }
      return found;
    } finally {
      await handle.close();
    }
  }

  /** Returns how many requests `heads` would make, and how many bytes it would download. */
  costOf(members: readonly LocatedMember[], length: number): { readonly requests: number; readonly bytes: number } {
    const missing = piecesOf(members, length).flatMap((piece) => this.#file.missing(piece));
    return { requests: missing.length, bytes: missing.reduce((sum, { start, end }) => sum + end - start, 0) };
  }

  /** Closes the archive and deletes what was downloaded. */
  async close(): Promise<void> {
    await this.#file.close();
    await removePieces(this.#file.path);
  }
}

/**
 * Downloads the end of an archive and, if it does not contain it, the central directory.
 *
 * @returns The members and their byte ranges.
 */
async function fetchDirectory(
  get: Omit<RemoteArchiveOptions, 'pieces' | 'md5'>,
  file: PiecesFile,
  onBytes: () => void = () => undefined,
): Promise<readonly LocatedMember[]> {
  const { size, root, folders } = get;
  const fetchTail = (bytes: number) =>
    fetchPieces(get, size, file, [{ start: Math.max(0, size - bytes), end: size }], onBytes);
  const readEnd = () => openForReading(file.path, (handle) => readEndOfDirectory(handle, get.url));
  await fetchTail(TAIL);
  // With a long comment, the end record is before the tail.
  const { offset, size: length } = await readEnd().catch(() => fetchTail(MAX_TAIL).then(readEnd));
  await fetchPieces(get, size, file, [{ start: offset, end: offset + length }], onBytes);
  return locateMembers(file.path, { root, folders });
}

function piecesOf(members: readonly LocatedMember[], length: number): Piece[] {
  return joinPieces(
    members.map((member) => pieceOf(member, length)),
    READ_GAP,
  );
}

function pieceOf({ start, end, path }: LocatedMember, length: number): Piece {
  return { start, end: Math.min(end, start + LOCAL_HEADER + Buffer.byteLength(path) + EXTRA + length) };
}

/** Unpacks the first bytes of a member as far as possible. */
function contentOf(bytes: Buffer): Buffer | undefined {
  if (bytes.length < LOCAL_HEADER || bytes.readUInt32LE(0) !== 0x04034b50) return undefined;
  const method = bytes.readUInt16LE(8);
  const data = bytes.subarray(LOCAL_HEADER + bytes.readUInt16LE(26) + bytes.readUInt16LE(28));
  if (method === STORED) return data;
  if (method !== DEFLATED) return undefined;
  try {
    return inflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return undefined;
  }
}
