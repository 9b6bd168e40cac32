import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ReigniteError } from '../../errors.ts';
import { asDiskError, statIfThere } from '../../files/file-access.ts';
import { lockFile } from '../../files/lease.ts';
import { ensureFreeSpace } from '../../files/suitable-file-system.ts';
import type { SizeAndDigests } from './digests.ts';
import { digestsOfFile, hashWhileWriting } from './digests.ts';
import { PartFile, partPath } from './part-file.ts';
import { type Transfer, transfer } from './transfer.ts';

/** A downloaded and verified file. */
export interface DownloadedFile extends SizeAndDigests {
  readonly path: string;
  /** Bytes that were already on disk: all of them if the file existed. */
  readonly resumedFrom: number;
}

/** A file to download. */
export interface Download extends Transfer {
  /** Bytes that will be needed in addition to the file, for what is unpacked from it. Default: 0. */
  readonly extraSpace?: number | undefined;
}

/**
 * Downloads one file. Makes one attempt, which resumes from the bytes of an earlier one. The file is renamed to its final
 * name only after its MD5, computed from disk, matches the published one. An existing file with other content is renamed
 * to `<name>.wrong-1`, never deleted. Memory does not grow with the size of the file.
 *
 * @param options - `url`, `path`, `size` in bytes and `md5` as the record states them; `stallMs`: give up if no byte
 *   arrives for this long (default 30 s); `onProgress(bytes, size)`: called with the bytes on disk.
 * @throws ReigniteError NETWORK (retryable: the bytes stay in `<path>.part`); RATE_LIMITED with the time to wait;
 *   FILE_LOCKED if another process downloads the same file; ACCESS_DENIED; FILE_NOT_IN_RECORD; NO_SPACE; NOT_WRITABLE;
 *   CHECKSUM_MISMATCH if the bytes were wrong twice, which are then kept as `<path>.corrupt`. The signal's reason when
 *   aborted.
 * @example await downloadFile({ url, path: 'data/models.zip', size: 912_680, md5: '9e107d9d372bb6826bd81d3542a419d6' });
 */
export async function downloadFile(options: Download): Promise<DownloadedFile> {
  const job = { ...options, md5: options.md5.toLowerCase() };
  // An existing, correct file is used without a lock, because the folder may be read-only.
  const seen = await stateOf(job.path);
  const present = await existing(job);
  if (present !== undefined) {
    await tidyBehind(job.path);
    return present;
  }
  const lock = await lockFile(lockPath(job.path), job.path);
  try {
    const signal = job.signal === undefined ? lock.lost : AbortSignal.any([job.signal, lock.lost]);
    // The process that held the lock before may have downloaded the file.
    const downloaded = (await stateOf(job.path)) === seen ? undefined : await existing({ ...job, signal });
    return downloaded ?? (await fetchLocked({ ...job, signal }));
  } finally {
    await lock.release();
  }
}

/** Removes temporary files of a process that was killed just after it had renamed the file. */
async function tidyBehind(path: string): Promise<void> {
  const part = new PartFile(path);
  if (!existsSync(lockPath(path)) && !part.isBegun()) return;
  try {
    const lock = await lockFile(lockPath(path), path);
    await part.remove().finally(() => lock.release());
  } catch {
    // Another process is doing it, or the folder is read-only. Either way, the file itself is correct.
  }
}

function lockPath(path: string): string {
  return `${partPath(path)}.lock`;
}

async function fetchLocked(job: Download): Promise<DownloadedFile> {
  if (existsSync(job.path)) await moveAside(job.path);
  const have = Math.min(job.size, await new PartFile(job.path).length());
  await ensureFreeSpace(dirname(job.path), job.size - have + (job.extraSpace ?? 0));
  return fetchVerified(job);
}

async function fetchVerified(job: Download): Promise<DownloadedFile> {
  const following = hashWhileWriting(partPath(job.path), job.size);
  try {
    const part = new PartFile(job.path, following);
    const bytesOnDisk = await part.length();
    if (bytesOnDisk > 0 && bytesOnDisk <= job.size) following.onLength(bytesOnDisk);
    const attempt = async (again: boolean) => {
      const { reused } = await transfer(job, part, again);
      return { reused, digests: await following.finish(await part.length(), job.signal) };
    };
    const isAgain = (await part.state())?.again === true;
    let { reused, digests } = await attempt(isAgain);
    if (!isRight(digests, job) && !isAgain) {
      await part.remove();
      ({ reused, digests } = await attempt(true));
    }
    if (!isRight(digests, job)) await giveUp(job, part, digests);
    await part.moveTo(job.path);
    return { path: job.path, ...digests, resumedFrom: reused };
  } finally {
    await following.close();
  }
}

async function giveUp(job: Download, part: PartFile, { size, md5 }: SizeAndDigests): Promise<never> {
  await part.moveTo(`${job.path}.corrupt`);
  throw new ReigniteError(
    'CHECKSUM_MISMATCH',
    `${job.url} gave ${size} bytes with MD5 ${md5} twice; expected ${job.size} bytes with MD5 ${job.md5}. ` +
      `The file is kept as ${job.path}.corrupt.`,
  );
}

async function existing(job: Download): Promise<DownloadedFile | undefined> {
  const found = await statIfThere(job.path);
  if (found?.size !== job.size || !found.isFile()) return undefined;
  const digests = await digestsOfFile(job.path, job.signal, () => job.onProgress?.(job.size, job.size));
  return isRight(digests, job) ? { path: job.path, ...digests, resumedFrom: job.size } : undefined;
}

/** Returns a text that changes whenever the file does; undefined if there is no file. */
async function stateOf(path: string): Promise<string | undefined> {
  const found = await statIfThere(path);
  return found === undefined ? undefined : `${found.ino} ${found.size} ${found.mtimeMs}`;
}

async function moveAside(path: string): Promise<void> {
  let n = 1;
  while (existsSync(`${path}.wrong-${n}`)) n++;
  try {
    await rename(path, `${path}.wrong-${n}`);
  } catch (error) {
    throw asDiskError(error, path);
  }
}

function isRight(digests: SizeAndDigests, job: Download): boolean {
  return digests.size === job.size && digests.md5 === job.md5;
}
