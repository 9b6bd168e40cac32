import { open } from 'node:fs/promises';
import { constants, inflateRawSync } from 'node:zlib';
import type { ArchivePlace } from '../../archive/check-entries.ts';
import { readEndOfDirectory } from '../../archive/end-of-directory.ts';
import { type LocatedMember, locateMembers } from '../../archive/list-archive.ts';
import { openForReading } from '../../files/open-for-reading.ts';
import type { HttpGet } from '../http/http.ts';
import { fetchPieces } from './fetch-pieces.ts';
import { joinPieces, type Piece, PiecesFile, removePieces } from './pieces-file.ts';

/** Location of an archive, and of the file for the parts of it that are downloaded. */
export interface RemoteArchiveOptions extends Omit<HttpGet, 'headers'>, ArchivePlace {
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
const GAP = 16 * 2 ** 10;
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
export async function fetchDirectory(
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
    GAP,
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
