import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { ReigniteError } from '../../errors.ts';
import { asDiskError, statIfThere } from '../../files/file-access.ts';
import { lockFile } from '../../files/lease.ts';
import { ensureFreeSpace } from '../../files/suitable-file-system.ts';
import { asNetworkError, discard, type HttpGet, httpGet } from '../http/http.ts';
import { contentCodings, decodeBody, type HttpReply, parseContentRange, refusalOf } from '../http/http-headers.ts';
import { digestsOfFile, hashWhileWriting, type SizeAndDigests } from './digests.ts';
import { PartFile, type PartState, partPath } from './part-file.ts';

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
    if (!matchesRecord(digests, job) && !isAgain) {
      await part.remove();
      ({ reused, digests } = await attempt(true));
    }
    if (!matchesRecord(digests, job)) await giveUp(job, part, digests);
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
  return matchesRecord(digests, job) ? { path: job.path, ...digests, resumedFrom: job.size } : undefined;
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

function matchesRecord(digests: SizeAndDigests, job: Download): boolean {
  return digests.size === job.size && digests.md5 === job.md5;
}

/** A file to transfer. */
interface Transfer extends Omit<HttpGet, 'headers'> {
  readonly path: string;
  /** Size of the complete file in bytes. */
  readonly size: number;
  readonly md5: string;
  /** Called with the bytes on disk so far, and in total. */
  readonly onProgress?: ((bytes: number, size: number) => void) | undefined;
}

/**
 * Number of consecutive replies that may fail to continue the bytes on disk before these are discarded. A single one may be
 * a temporary error, and gigabytes may be at stake.
 */
const MAX_RANGE_MISMATCHES = 2;

/**
 * Transfers the rest of a file into `part`: continues from the bytes on disk if the server supports Range, else starts from
 * zero. The caller must check that the bytes are correct.
 *
 * @param again - Whether the file is transferred again because its bytes were wrong; recorded in the state.
 * @returns `reused`: bytes of earlier attempts that were kept. The length of the file may differ from `size` if that of the
 *   server's file does.
 * @throws ReigniteError NETWORK (bytes that arrived are kept), RATE_LIMITED, ACCESS_DENIED, FILE_NOT_IN_RECORD, NO_SPACE,
 *   NOT_WRITABLE; the signal's reason when aborted.
 */
async function transfer(job: Transfer, part: PartFile, again: boolean): Promise<{ reused: number }> {
  const reused = await usableLength(job, part);
  let have = reused;
  for (;;) {
    job.onProgress?.(have, job.size);
    if (have === job.size && have > 0) return { reused };
    const reply = await ask(job, part, have);
    // The connection must be released even after an error, because only few are allowed per host.
    const taken = await take(job, part, reply, have, again).finally(() => discard(reply));
    if (taken.isLast) return { reused: taken.isAnew ? 0 : reused };
    have = taken.length;
  }
}

/** Result of storing a reply. */
interface Taken {
  /** Length of the file on disk in bytes. */
  readonly length: number;
  /** Whether the reply contained the file from its start. */
  readonly isAnew: boolean;
  /** Whether no further request is needed. */
  readonly isLast: boolean;
}

async function take(job: Transfer, part: PartFile, reply: HttpReply, have: number, again: boolean): Promise<Taken> {
  const state = await part.state();
  if (have > 0 && continuesAt(reply, have, job.size, state)) {
    if (state?.rangeMismatches !== undefined) await part.note({ ...state, rangeMismatches: 0 });
    const length = await append(job, part, have, withNetworkErrors(reply.body, reply.url, job.signal));
    if (length === have) throw new ReigniteError('NETWORK', `${job.url} sent nothing after byte ${have}.`);
    return { length, isAnew: false, isLast: length >= job.size };
  }
  if (reply.status === 200) {
    const length = await takeWhole(job, part, reply, again);
    // A complete reply that is too short means that the published length is wrong or that this is another file.
    return { length, isAnew: true, isLast: length >= job.size || length <= have };
  }
  if (have > 0 && endsAt(reply, have)) return { length: have, isAnew: false, isLast: true };
  await countMismatch(job, part, reply, have);
  throw new ReigniteError('NETWORK', mismatchText(job, reply, have));
}

/** Returns how many bytes on disk can be reused: 0 if they belong to another file or are too many. */
async function usableLength(job: Transfer, part: PartFile): Promise<number> {
  const length = await part.length();
  const state = await part.state();
  const foreign = state !== undefined && (state.md5 !== job.md5 || state.size !== job.size);
  return foreign || length > job.size ? 0 : length;
}

async function ask(job: Transfer, part: PartFile, from: number): Promise<HttpReply> {
  const state = from > 0 ? await part.state() : undefined;
  const validator = strong(state?.etag) ?? state?.lastModified;
  const reply = await httpGet({
    ...job,
    headers: {
      accept: '*/*',
      'accept-encoding': 'identity',
      ...(from > 0 ? { range: `bytes=${from}-` } : {}),
      ...(from > 0 && validator !== undefined ? { 'if-range': validator } : {}),
    },
  });
  if (reply.status !== 200 && reply.status !== 206 && reply.status !== 416) {
    discard(reply);
    throw refusalOf(reply, 'FILE_NOT_IN_RECORD');
  }
  if (/^text\/html\b/i.test(reply.header('content-type') ?? '') && !isWebPage(job.path)) {
    discard(reply);
    throw new ReigniteError('NETWORK', `${reply.url} answered with a web page instead of ${basename(job.path)}.`);
  }
  return reply;
}

function isWebPage(path: string): boolean {
  return /\.html?$/i.test(path);
}

/** Returns whether a reply contains the rest of the same file, without content encoding. */
function continuesAt(reply: HttpReply, from: number, size: number, state: PartState | undefined): boolean {
  if (reply.status !== 206 || contentCodings(reply).length > 0) return false;
  const range = parseContentRange(reply.header('content-range'));
  if (range === undefined || range.start !== from || (range.total ?? size) !== size) return false;
  const etag = strong(reply.header('etag'));
  return etag === undefined || state?.etag === undefined || etag === state.etag;
}

/** Returns whether a 416 states that the server's file has exactly the bytes on disk. It is then not the record's file. */
function endsAt(reply: HttpReply, have: number): boolean {
  return reply.status === 416 && reply.header('content-range')?.trim() === `bytes */${have}`;
}

/** Counts replies that do not continue the bytes on disk, and discards these after too many. */
async function countMismatch(job: Transfer, part: PartFile, reply: HttpReply, have: number): Promise<void> {
  if (have === 0) return;
  const state = await part.state();
  const rangeMismatches = (state?.rangeMismatches ?? 0) + 1;
  const isOther = reply.status === 206 && isOtherVersion(reply, state);
  if (rangeMismatches > MAX_RANGE_MISMATCHES || isOther) await part.remove();
  else await part.note({ url: job.url, size: job.size, md5: job.md5, ...state, rangeMismatches });
}

function isOtherVersion(reply: HttpReply, state: PartState | undefined): boolean {
  const etag = strong(reply.header('etag'));
  return etag !== undefined && state?.etag !== undefined && etag !== state.etag;
}

function mismatchText(job: Transfer, reply: HttpReply, have: number): string {
  const codings = contentCodings(reply);
  const range = reply.header('content-range');
  const what = [
    `HTTP ${reply.status}`,
    ...(range === undefined ? [] : [`"${range}"`]),
    ...(codings.length === 0 ? [] : [`encoded as ${codings.join(', ')}`]),
  ].join(', ');
  return `${job.url} answered ${what} to ${have === 0 ? 'a plain GET' : `a request for bytes ${have} to ${job.size - 1}`}.`;
}

function strong(etag: string | undefined): string | undefined {
  return etag?.startsWith('"') ? etag : undefined;
}

async function takeWhole(job: Transfer, part: PartFile, reply: HttpReply, again: boolean): Promise<number> {
  const codings = contentCodings(reply);
  const announced = reply.header('content-length');
  // Servers sometimes label a compressed file as if they had compressed it themselves. Its length shows that it was not.
  const asItIs = codings.length === 0 || announced === String(job.size);
  const etag = asItIs ? strong(reply.header('etag')) : undefined;
  const lastModified = asItIs ? reply.header('last-modified') : undefined;
  const body = asItIs ? reply.body : decodeBody(reply, codings);
  body.on('error', () => {});
  const chunks = withNetworkErrors(body, reply.url, job.signal);
  // Checked before the bytes on disk are discarded: a web page sent in place of the file must not cost them.
  const first = await chunks.next();
  if (!first.done) refuseWebPage(first.value, reply.url, job.path);
  const state = { url: job.url, size: job.size, md5: job.md5, ...(again ? { again } : {}) };
  await part.begin({
    ...state,
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { lastModified }),
  });
  const length = await append(job, part, 0, putBack(first, chunks)).finally(() => body.destroy());
  // Without a length and without chunked encoding, a lost connection looks like the end of the file.
  const endKnown = announced !== undefined || reply.header('transfer-encoding') !== undefined;
  if (length < job.size && !endKnown) {
    throw new ReigniteError('NETWORK', `${job.url} ended after ${length} of ${job.size} bytes.`);
  }
  return length;
}

function append(job: Transfer, part: PartFile, from: number, chunks: AsyncIterable<Buffer>): Promise<number> {
  return part.append(from, job.size, chunks, (length) => job.onProgress?.(length, job.size));
}

/** Passes chunks through and converts errors, so that network errors and disk errors can be distinguished. */
async function* withNetworkErrors(
  body: Readable,
  url: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of body) yield chunk as Buffer;
  } catch (error) {
    throw asNetworkError(error, url, signal);
  }
}

async function* putBack(first: IteratorResult<Buffer>, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (first.done) return;
  yield first.value;
  yield* rest;
}

/** Refuses a web page, for example of a proxy or a login, which is not always labelled as HTML. */
function refuseWebPage(first: Buffer, url: string, path: string): void {
  if (isWebPage(path) || !/^\s*<(!doctype html|html)\b/i.test(first.subarray(0, 64).toString('latin1'))) return;
  throw new ReigniteError('NETWORK', `${url} answered with a web page instead of ${basename(path)}.`);
}
