import { open } from 'node:fs/promises';
import { constants, inflateRawSync } from 'node:zlib';
import type { ArchivePlace } from '../../archive/check-entries.ts';
import { readEndOfDirectory } from '../../archive/end-of-directory.ts';
import { type LocatedMember, locateMembers } from '../../archive/list-archive.ts';
import { openForReading } from '../../files/open-for-reading.ts';
import type { HttpGet } from '../http/http.ts';
import { fetchPieces } from './fetch-pieces.ts';
import { joinPieces, type Piece, PiecesFile, removePieces } from './pieces-file.ts';

/** Where an archive is, and where the few bytes of it are kept that are fetched. */
export interface RemoteArchiveOptions extends Omit<HttpGet, 'headers'>, ArchivePlace {
  /** File of the pieces; it takes no more space than they do. */
  readonly pieces: string;
  /** Of the archive, in bytes. */
  readonly size: number;
  readonly md5: string;
}

/** The end of a zip: its records, and of small archives the directory too. In bytes. */
const TAIL = 32 * 2 ** 10;
/** The end records behind the longest comment, in bytes. */
const MAX_TAIL = 68 * 2 ** 10;
const LOCAL_HEADER = 30;
const STORED = 0;
const DEFLATED = 8;
/** Bytes between two members up to which they are fetched together. */
const GAP = 16 * 2 ** 10;
/** Room for the extra fields of a local header, whose length is not in the central directory. */
const EXTRA = 128;

/**
 * A zip on a server of which only the central directory is fetched, and the beginnings of members that are asked for.
 */
export class RemoteArchive {
  readonly #get: RemoteArchiveOptions;
  readonly #file: PiecesFile;
  /** In the order of the directory, as `locateMembers` gives them. */
  readonly members: readonly LocatedMember[];

  private constructor(get: RemoteArchiveOptions, file: PiecesFile, members: readonly LocatedMember[]) {
    this.#get = get;
    this.#file = file;
    this.members = members;
  }

  /**
   * Fetches the central directory: one or two requests.
   *
   * @throws RangeIgnored when the server sends whole files only; ReigniteError as `fetchPieces` and `locateMembers`.
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

  /** Bytes of the archive that were fetched so far. */
  get bytes(): number {
    return this.#file.bytes;
  }

  /**
   * Reads the beginnings of members, neighbours in one request.
   *
   * @param length - Unpacked bytes wanted of each; fewer come of a shorter member.
   * @returns By path. A member that is packed in an unknown way or damaged is missing.
   */
  async heads(members: readonly LocatedMember[], length: number): Promise<ReadonlyMap<string, Buffer>> {
    const starts = await this.starts(members, length);
    return new Map([...starts].map(([path, content]) => [path, content.subarray(0, length)]));
  }

  /**
   * As `heads`, by packed length: of a member that packs well, much more content comes than the bytes that are fetched.
   *
   * @param length - Packed bytes of each.
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

  /** How many requests `heads` would make, and how many bytes would come. */
  costOf(members: readonly LocatedMember[], length: number): { readonly requests: number; readonly bytes: number } {
    const missing = piecesOf(members, length).flatMap((piece) => this.#file.missing(piece));
    return { requests: missing.length, bytes: missing.reduce((sum, { start, end }) => sum + end - start, 0) };
  }

  /** Closes the archive and forgets what was fetched. */
  async close(): Promise<void> {
    await this.#file.close();
    await removePieces(this.#file.path);
  }
}

/**
 * Fetches the end of an archive and, where it is not in there, the central directory.
 *
 * @returns The members and their places.
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
  // A long comment puts the end of the directory before the tail.
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

/** Unpacks as much of a member as its first bytes give. */
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
