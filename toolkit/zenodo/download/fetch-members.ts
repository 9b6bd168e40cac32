import { join } from 'node:path';
import type { ArchivePlace } from '../../archive/check-entries.ts';
import type { LocatedMember } from '../../archive/list-archive.ts';
import { sha256WhenRight } from '../../archive/present-member.ts';
import { type UnpackedFile, unpackArchive } from '../../archive/unpack-archive.ts';
import { lockFile } from '../../files/file-lock.ts';
import type { HttpGet } from '../http/http.ts';
import { fetchPieces, RangeIgnored } from './fetch-pieces.ts';
import { partPath } from './part-file.ts';
import { joinPieces, PiecesFile, removePieces } from './pieces-file.ts';
import { fetchDirectory } from './remote-archive.ts';

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
const GAP = 2 ** 20;
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
    const places = joinPieces(missing, GAP);
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
