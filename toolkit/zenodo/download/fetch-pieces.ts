import { ReigniteError } from '../../errors.ts';
import { contentCodings } from '../http/decode-body.ts';
import { asNetworkError, discard, type HttpGet, type HttpReply, httpGet } from '../http/http.ts';
import { parseContentRange } from '../http/http-headers.ts';
import { refusalOf } from '../http/http-status.ts';
import type { Piece, PiecesFile } from './pieces-file.ts';

/** Progress is recorded after this many bytes. At most as many must be downloaded again after a crash. */
const NOTE_EVERY = 8 * 2 ** 20;

/** The server ignores Range requests and sends the whole file. */
export class RangeIgnored extends Error {
  override readonly name = 'RangeIgnored';
}

/**
 * Downloads the missing parts of pieces, with one Range request per part.
 *
 * @throws RangeIgnored; ReigniteError NETWORK (bytes that arrived are kept), RATE_LIMITED, ACCESS_DENIED,
 *   FILE_NOT_IN_RECORD, NO_SPACE, NOT_WRITABLE; the signal's reason when aborted.
 */
export async function fetchPieces(
  get: Omit<HttpGet, 'headers'>,
  size: number,
  file: PiecesFile,
  pieces: readonly Piece[],
  onBytes: () => void,
): Promise<void> {
  for (const hole of pieces.flatMap((piece) => file.missing(piece))) await fillHole(get, size, file, hole, onBytes);
}

async function fillHole(
  get: Omit<HttpGet, 'headers'>,
  size: number,
  file: PiecesFile,
  hole: Piece,
  onBytes: () => void,
): Promise<void> {
  const reply = await httpGet({
    ...get,
    headers: { accept: '*/*', 'accept-encoding': 'identity', range: `bytes=${hole.start}-${hole.end - 1}` },
  });
  await checkReply(reply, size, file, hole);
  const etag = strongEtag(reply);
  let at = hole.start;
  let noted = hole.start;
  try {
    for await (const chunk of withNetworkErrors(reply, get.signal)) {
      const fitting = chunk.subarray(0, hole.end - at);
      await file.write(fitting, at);
      at += fitting.length;
      if (at - noted >= NOTE_EVERY) {
        await file.note({ start: noted, end: at }, etag);
        noted = at;
      }
      onBytes();
      if (at === hole.end) break;
    }
  } finally {
    discard(reply);
    if (at > noted) await file.note({ start: noted, end: at }, etag);
  }
  if (at < hole.end) throw new ReigniteError('NETWORK', `${reply.url} ended at ${at}, before byte ${hole.end}.`);
}

async function checkReply(reply: HttpReply, size: number, file: PiecesFile, hole: Piece): Promise<void> {
  if (reply.status === 206 && contentCodings(reply).length === 0) {
    const range = parseContentRange(reply.header('content-range'));
    const etag = strongEtag(reply);
    const isSame = etag === undefined || file.etag === undefined || etag === file.etag;
    if (range?.start === hole.start && (range.total ?? size) === size && isSame) return;
  }
  discard(reply);
  if (reply.status === 200 || reply.status === 416) {
    throw new RangeIgnored(`${reply.url} answered HTTP ${reply.status} to a request for a range.`);
  }
  if (reply.status !== 206) throw refusalOf(reply, 'FILE_NOT_IN_RECORD');
  throw new ReigniteError(
    'NETWORK',
    `${reply.url} answered "${reply.header('content-range') ?? ''}" to a request for bytes ${hole.start} to ${hole.end - 1}.`,
  );
}

function strongEtag(reply: HttpReply): string | undefined {
  const etag = reply.header('etag');
  return etag?.startsWith('"') ? etag : undefined;
}

async function* withNetworkErrors(reply: HttpReply, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of reply.body) yield chunk;
  } catch (error) {
    throw asNetworkError(error, reply.url, signal);
  }
}
