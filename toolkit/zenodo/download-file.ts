import { existsSync } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ReigniteError } from '../errors.ts';
import { asDiskError } from '../files/atomic-write.ts';
import { ensureFreeSpace } from '../files/free-space.ts';
import { digestsOfFile, type FileDigests } from './file-digests.ts';
import { PartFile } from './part-file.ts';
import { type Transfer, transfer } from './transfer.ts';

export interface DownloadedFile extends FileDigests {
  readonly path: string;
  /** Bytes that were on disk before: all of them when the file was there already. */
  readonly resumedFrom: number;
}

/**
 * Fetches one file: one attempt, which goes on from the bytes that an earlier one left. The file gets its name only
 * after the MD5 over all of it, read back from disk, is the published one. A file of that name that is wrong is
 * moved aside (`<name>.wrong-1`), never deleted. Memory does not grow with the size of the file.
 *
 * @param job - `url`, `path`, `size` in bytes and `md5` as the record states them; `stallMs`: give up when no byte
 *   comes for so long (default 30 s); `onProgress(bytes, size)`: called with the bytes on disk, also while they are
 *   verified.
 * @throws ReigniteError NETWORK (retryable: the bytes stay in `<path>.part`); RATE_LIMITED with the wait;
 *   ACCESS_DENIED; FILE_NOT_IN_RECORD; NO_SPACE; NOT_WRITABLE; CHECKSUM_MISMATCH when the bytes are wrong twice, what
 *   came is then kept as `<path>.corrupt`. The signal's reason when aborted.
 */
export async function downloadFile(options: Transfer): Promise<DownloadedFile> {
  const job = { ...options, md5: options.md5.toLowerCase() };
  const present = await existing(job);
  if (present !== undefined) return present;
  const part = new PartFile(job.path);
  await ensureFreeSpace(dirname(job.path), job.size - Math.min(job.size, await part.length()));

  const first = await attempt(job, part);
  if (isRight(first, job)) return finish(job, part, first);
  await part.remove();
  const second = await attempt(job, part);
  if (isRight(second, job)) return finish(job, part, second);
  await part.moveTo(`${job.path}.corrupt`);
  throw new ReigniteError(
    'CHECKSUM_MISMATCH',
    `${job.url} gave ${second.size} bytes with MD5 ${second.md5}, twice not the ${job.size} bytes with MD5 ${job.md5} ` +
      `of the record; they are kept as ${job.path}.corrupt.`,
  );
}

async function existing(job: Transfer): Promise<DownloadedFile | undefined> {
  if (!existsSync(job.path)) return undefined;
  const { size } = await stat(job.path);
  if (size === job.size) {
    const digests = await digestsOfFile(job.path, job.signal, () => job.onProgress?.(job.size, job.size));
    if (isRight(digests, job)) return { path: job.path, ...digests, resumedFrom: job.size };
  }
  await moveAside(job.path);
  return undefined;
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

async function attempt(job: Transfer, part: PartFile): Promise<FileDigests & { reused: number }> {
  const { reused } = await transfer(job, part);
  const digests = await digestsOfFile(part.path, job.signal, () => job.onProgress?.(job.size, job.size));
  return { ...digests, reused };
}

function isRight(digests: FileDigests, job: Transfer): boolean {
  return digests.size === job.size && digests.md5 === job.md5;
}

async function finish(job: Transfer, part: PartFile, done: FileDigests & { reused: number }): Promise<DownloadedFile> {
  const { reused, ...digests } = done;
  await part.moveTo(job.path);
  return { path: job.path, ...digests, resumedFrom: reused };
}
