import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { ReigniteError } from '../errors.ts';
import { parseContentRange } from './content-range.ts';
import { contentCodings, decodeBody } from './decode-body.ts';
import { asNetworkError, discard, type HttpGet, type HttpReply, httpGet } from './http.ts';
import { refusalOf } from './http-status.ts';
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
 * Brings `part` to the length of the whole file, from the bytes that are there on: by Range where the server keeps
 * to it, from zero where it does not. Whether they are the right bytes is for the caller to check.
 *
 * @returns `reused`: bytes of earlier attempts that were kept. A file of another length than `size` may result
 *   when the server has such a one.
 * @throws ReigniteError NETWORK (the bytes so far stay), RATE_LIMITED, ACCESS_DENIED, FILE_NOT_IN_RECORD, NO_SPACE,
 *   NOT_WRITABLE; the signal's reason when aborted.
 */
export async function transfer(job: Transfer, part: PartFile): Promise<{ reused: number }> {
  let reused = await usableLength(job, part);
  let have = reused;
  for (;;) {
    job.onProgress?.(have, job.size);
    if (have === job.size && have > 0) return { reused };
    const reply = await ask(job, part, have);
    if (continuesAt(reply, have, job.size, await part.state())) {
      const length = await append(job, part, have, reply.body, reply.url);
      if (length >= job.size) return { reused };
      if (length === have) throw new ReigniteError('NETWORK', `${job.url} sends no more bytes after ${have}.`);
      have = length;
    } else if (reply.status === 200) {
      await takeWhole(job, part, reply);
      return { reused: 0 };
    } else {
      discard(reply);
      if (have === 0) throw new ReigniteError('NETWORK', `${job.url} answered HTTP ${reply.status} to a plain GET.`);
      await part.remove();
      reused = 0;
      have = 0;
    }
  }
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
  if (/^text\/html\b/i.test(reply.header('content-type') ?? '') && !/\.html?$/i.test(basename(job.path))) {
    discard(reply);
    throw new ReigniteError('NETWORK', `${reply.url} answered with a web page instead of ${basename(job.path)}.`);
  }
  return reply;
}

/** Whether a reply is what was asked for: the rest of the same file, as it is. */
function continuesAt(reply: HttpReply, from: number, size: number, state: PartState | undefined): boolean {
  if (reply.status !== 206 || from === 0 || contentCodings(reply).length > 0) return false;
  const range = parseContentRange(reply.header('content-range'));
  if (range === undefined || range.start !== from || (range.total ?? size) !== size) return false;
  const etag = strong(reply.header('etag'));
  return etag === undefined || state?.etag === undefined || etag === state.etag;
}

function strong(etag: string | undefined): string | undefined {
  return etag?.startsWith('"') ? etag : undefined;
}

async function takeWhole(job: Transfer, part: PartFile, reply: HttpReply): Promise<void> {
  const codings = contentCodings(reply);
  const announced = reply.header('content-length');
  // A file that is compressed itself is sometimes labelled as if the server had done it: its length gives it away.
  const asItIs = codings.length === 0 || announced === String(job.size);
  const etag = asItIs ? strong(reply.header('etag')) : undefined;
  const lastModified = asItIs ? reply.header('last-modified') : undefined;
  await part.begin({
    url: job.url,
    size: job.size,
    md5: job.md5,
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { lastModified }),
  });
  const body = asItIs ? reply.body : decodeBody(reply, codings);
  const length = await append(job, part, 0, body, reply.url);
  // Without a length and without chunks the end of the connection is the end of the file: it may be a cut as well.
  const endKnown = announced !== undefined || reply.header('transfer-encoding') !== undefined;
  if (length < job.size && !endKnown) {
    throw new ReigniteError('NETWORK', `${job.url} ended after ${length} of ${job.size} bytes.`);
  }
}

async function append(job: Transfer, part: PartFile, from: number, body: Readable, url: string): Promise<number> {
  try {
    const chunks = withNetworkErrors(body, url, job.signal);
    return await part.append(from, job.size, chunks, (length) => job.onProgress?.(length, job.size));
  } finally {
    body.on('error', () => {});
    body.destroy();
  }
}

/** Passes chunks on, so that what fails in the network is told from what fails on the disk. */
async function* withNetworkErrors(body: Readable, url: string, signal: AbortSignal | undefined) {
  try {
    for await (const chunk of body) yield chunk as Buffer;
  } catch (error) {
    throw asNetworkError(error, url, signal);
  }
}
