import { join } from 'node:path';
import { readEndOfDirectory } from '../archive/end-of-directory.js';
import { locateMembers } from '../archive/locate-members.js';
import { sha256WhenRight } from '../archive/present-member.js';
import { unpackArchive } from '../archive/unpack-archive.js';
import { lockFile } from '../files/file-lock.js';
import { openForReading } from '../files/open-for-reading.js';
import { fetchPieces, RangeIgnored } from './fetch-pieces.js';
import { partPath } from './part-file.js';
import { PiecesFile, removePieces } from './pieces-file.js';
/** Below it an archive is fetched whole: its end and its directory are most of it already. In bytes. */
const WORTH_LOOKING = 256 * 2 ** 10;
/** The end of a zip: its records, the longest comment, and usually the directory too. In bytes. */
const TAIL = 128 * 2 ** 10;
/** A gap that is cheaper fetched than asked around, in bytes. */
const GAP = 2 ** 20;
/** More requests than that take longer than the whole archive, at some fifty a minute. */
const MOST_PIECES = 300;
/** Where the pieces of an archive lie while they are fetched. */
export function piecesPath(archive) {
    return `${archive}.pieces`;
}
/**
 * Brings members of a zip to disk: its central directory is fetched first, then those members alone, by Range. Each is
 * checked by its CRC-32; the MD5 of the archive says nothing about a part of it. Members that are there already
 * and right are not fetched.
 *
 * @returns The members that are wanted, none when the archive has none of them; undefined when the whole archive is
 *   fetched sooner: it is small, most of it is wanted, or the server knows no ranges.
 * @throws ReigniteError as `downloadFile` and `unpackArchive` do; the signal's reason when aborted.
 */
export async function fetchMembers(options) {
    if (options.size < WORTH_LOOKING)
        return undefined;
    const lock = await lockFile(`${partPath(options.path)}.lock`, options.path);
    try {
        const signal = options.signal === undefined ? lock.lost : AbortSignal.any([options.signal, lock.lost]);
        return await fetchLocked({ ...options, signal });
    }
    catch (error) {
        if (!(error instanceof RangeIgnored))
            throw error;
        await removePieces(piecesPath(options.path));
        return undefined;
    }
    finally {
        await lock.release();
    }
}
async function fetchLocked(job) {
    const pieces = piecesPath(job.path);
    const file = await PiecesFile.open(pieces, { size: job.size, md5: job.md5 });
    try {
        const members = await readDirectory(job, file);
        const wanted = members.filter(({ path }) => job.select?.(path) ?? true);
        const { present, missing } = await sortOut(job, wanted);
        const places = joined(missing);
        const total = places.reduce((sum, { start, end }) => sum + end - start, 0);
        if (total > job.size / 2 || places.length > MOST_PIECES)
            throw new RangeIgnored('The whole is fetched sooner.');
        const before = file.bytes;
        await fetchPieces(job, job.size, file, places, () => job.onProgress?.(file.bytes - before, total));
        const fetched = await unpackMissing(job, missing);
        await removePieces(pieces);
        const all = new Map([...present, ...fetched].map((member) => [member.path, member]));
        return wanted.flatMap(({ path }) => all.get(path) ?? []);
    }
    finally {
        await file.close();
    }
}
async function readDirectory(job, file) {
    const onBytes = () => job.onProgress?.(0, job.size);
    await fetchPieces(job, job.size, file, [{ start: Math.max(0, job.size - TAIL), end: job.size }], onBytes);
    const end = await openForReading(file.path, (handle) => readEndOfDirectory(handle, job.path));
    const directory = { start: end.offset, end: end.offset + end.size };
    await fetchPieces(job, job.size, file, [directory], onBytes);
    return locateMembers(file.path, job);
}
/** Members that are there and right need not be fetched. */
async function sortOut(job, wanted) {
    const present = [];
    const missing = [];
    for (const member of wanted) {
        const { path, size, crc32 } = member;
        const sha256 = await sha256WhenRight(join(job.target, ...path.split('/')), member, job.signal);
        if (sha256 === undefined)
            missing.push(member);
        else
            present.push({ path, size, crc32, sha256 });
    }
    return { present, missing };
}
async function unpackMissing(job, missing) {
    if (missing.length === 0)
        return [];
    const paths = new Set(missing.map(({ path }) => path));
    const { files } = await unpackArchive({
        archive: piecesPath(job.path),
        target: job.target,
        root: job.root,
        select: (path) => paths.has(path),
        signal: job.signal,
    });
    return files;
}
/** Places of members as few pieces. */
function joined(members) {
    const result = [];
    for (const { start, end } of members.toSorted((a, b) => a.start - b.start)) {
        const last = result.at(-1);
        if (last !== undefined && start - last.end <= GAP)
            result[result.length - 1] = { start: last.start, end };
        else
            result.push({ start, end });
    }
    return result;
}
