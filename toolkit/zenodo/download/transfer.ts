import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { ReigniteError } from '../../errors.ts';
import { contentCodings, decodeBody } from '../http/decode-body.ts';
import { asNetworkError, discard, type HttpGet, type HttpReply, httpGet } from '../http/http.ts';
import { parseContentRange } from '../http/http-headers.ts';
import { refusalOf } from '../http/http-status.ts';
import type { PartFile, PartState } from './part-file.ts';

/** A file to be brought to disk. */
export interface Transfer extends Omit<HttpGet, 'headers'> {
  readonly path: string;
  /** Bytes of the whole file. */
  readonly size: number;
  readonly md5: string;
  /** Called with the bytes on disk, and the bytes there will be. */
  readonly onProgress?: ((bytes: number, size: number) => void) | undefined;
}

/**
 * Replies in a row that do not continue the bytes on disk, until these are given up: one such reply may be the mistake
 * of a moment, and gigabytes hang on it.
 */
const MAX_RANGE_MISMATCHES = 2;

/**
 * Brings `part` to the length of the whole file, from the bytes that are there on: by Range where the server keeps
 * to it, from zero where it does not. Whether they are the right bytes is for the caller to check.
 *
 * @param again - Whether the file is fetched again because its bytes were wrong; recorded with them.
 * @returns `reused`: bytes of earlier attempts that were kept. A file of another length than `size` may result
 *   when the server has such a one.
 * @throws ReigniteError NETWORK (the bytes so far stay), RATE_LIMITED, ACCESS_DENIED, FILE_NOT_IN_RECORD, NO_SPACE,
 *   NOT_WRITABLE; the signal's reason when aborted.
 */
export async function transfer(job: Transfer, part: PartFile, again: boolean): Promise<{ reused: number }> {
  const reused = await usableLength(job, part);
  let have = reused;
  for (;;) {
    job.onProgress?.(have, job.size);
    if (have === job.size && have > 0) return { reused };
    const reply = await ask(job, part, have);
    // Whatever ends it, its connection is one of the few that the server allows.
    const taken = await take(job, part, reply, have, again).finally(() => discard(reply));
    if (taken.isLast) return { reused: taken.isAnew ? 0 : reused };
    have = taken.length;
  }
}

/** What a reply brought. */
interface Taken {
  /** Of the file on disk, in bytes. */
  readonly length: number;
  /** Whether it brought the file from its beginning. */
  readonly isAnew: boolean;
  /** Whether nothing more is to be asked for. */
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
    // A reply that ended in order and is too short: the length was wrong, or the file is another one.
    return { length, isAnew: true, isLast: length >= job.size || length <= have };
  }
  if (have > 0 && endsAt(reply, have)) return { length: have, isAnew: false, isLast: true };
  await countMisfit(job, part, reply, have);
  throw new ReigniteError('NETWORK', misfitText(job, reply, have));
}

/** Bytes on disk that may be the beginning of this file: 0 when they belong to another one, or are too many. */
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

/** Whether a reply is what was asked for: the rest of the same file, as it is. */
function continuesAt(reply: HttpReply, from: number, size: number, state: PartState | undefined): boolean {
  if (reply.status !== 206 || contentCodings(reply).length > 0) return false;
  const range = parseContentRange(reply.header('content-range'));
  if (range === undefined || range.start !== from || (range.total ?? size) !== size) return false;
  const etag = strong(reply.header('etag'));
  return etag === undefined || state?.etag === undefined || etag === state.etag;
}

/** Whether a 416 says that the file has just the bytes that are here: then it is another one than the record's. */
function endsAt(reply: HttpReply, have: number): boolean {
  return reply.status === 416 && reply.header('content-range')?.trim() === `bytes */${have}`;
}

/** Discards the bytes when replies keep not matching them. */
async function countMisfit(job: Transfer, part: PartFile, reply: HttpReply, have: number): Promise<void> {
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

function misfitText(job: Transfer, reply: HttpReply, have: number): string {
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
  // A file that is compressed itself is sometimes labelled as if the server had done it: its length gives it away.
  const asItIs = codings.length === 0 || announced === String(job.size);
  const etag = asItIs ? strong(reply.header('etag')) : undefined;
  const lastModified = asItIs ? reply.header('last-modified') : undefined;
  const body = asItIs ? reply.body : decodeBody(reply, codings);
  body.on('error', () => {});
  const chunks = withNetworkErrors(body, reply.url, job.signal);
  // CacheLookup at before anything is given up: a page in place of the rest of a file must not cost what is here of it.
  const first = await chunks.next();
  if (!first.done) refuseWebPage(first.value, reply.url, job.path);
  const state = { url: job.url, size: job.size, md5: job.md5, ...(again ? { again } : {}) };
  await part.begin({
    ...state,
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { lastModified }),
  });
  const length = await append(job, part, 0, putBack(first, chunks)).finally(() => body.destroy());
  // Without a length and without chunks the end of the connection is the end of the file: it may be a cut as well.
  const endKnown = announced !== undefined || reply.header('transfer-encoding') !== undefined;
  if (length < job.size && !endKnown) {
    throw new ReigniteError('NETWORK', `${job.url} ended after ${length} of ${job.size} bytes.`);
  }
  return length;
}

function append(job: Transfer, part: PartFile, from: number, chunks: AsyncIterable<Buffer>): Promise<number> {
  return part.append(from, job.size, chunks, (length) => job.onProgress?.(length, job.size));
}

/** Passes chunks on, so that network errors and disk errors can be distinguished. */
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

/** A page of a proxy or of a login is not always labelled as one. */
function refuseWebPage(first: Buffer, url: string, path: string): void {
  if (isWebPage(path) || !/^\s*<(!doctype html|html)\b/i.test(first.subarray(0, 64).toString('latin1'))) return;
  throw new ReigniteError('NETWORK', `${url} answered with a web page instead of ${basename(path)}.`);
}
