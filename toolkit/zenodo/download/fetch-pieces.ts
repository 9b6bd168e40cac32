import { type FileHandle, open, readFile, rm } from 'node:fs/promises';
import { z } from 'zod';
import { ReigniteError } from '../../errors.ts';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { asDiskError, closeOnError } from '../../files/file-access.ts';
import { asNetworkError, discard, type HttpGet, httpGet } from '../http/http.ts';
import { contentCodings, type HttpReply, parseContentRange, refusalOf } from '../http/http-headers.ts';

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

/** Bytes from `start` to `end` (excluded). */
export interface Piece {
  readonly start: number;
  readonly end: number;
}

const State = z.object({
  size: z.number(),
  md5: z.string(),
  etag: z.string().optional(),
  pieces: z.array(z.object({ start: z.number(), end: z.number() })),
});
type State = z.infer<typeof State>;

/**
 * A file of which only some pieces were downloaded. It has its full length, with holes that take no space, so that the
 * pieces are at their real offsets. A file next to it records which parts are filled, and of which version of the file.
 */
export class PiecesFile {
  readonly path: string;
  readonly #handle: FileHandle;
  #state: State;

  private constructor(path: string, handle: FileHandle, state: State) {
    this.path = path;
    this.#handle = handle;
    this.#state = state;
  }

  /** Opens what an earlier attempt left of this version, or starts from scratch. */
  static async open(path: string, version: { readonly size: number; readonly md5: string }): Promise<PiecesFile> {
    try {
      const found = await readState(path);
      const isSame = found?.size === version.size && found.md5 === version.md5;
      const handle = await open(path, isSame ? 'r+' : 'w+').catch(() => open(path, 'w+'));
      return await closeOnError(handle, async () => {
        const isFilled = isSame && (await handle.stat()).size === version.size;
        await handle.truncate(version.size);
        return new PiecesFile(path, handle, isFilled ? found : { ...version, pieces: [] });
      });
    } catch (error) {
      throw asDiskError(error, path);
    }
  }

  /** Strong ETag of the replies that brought the pieces, if there was one. */
  get etag(): string | undefined {
    return this.#state.etag;
  }

  /** Number of bytes that are filled. */
  get bytes(): number {
    return this.#state.pieces.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  /** Returns the parts of a piece that are not filled yet, in order. */
  missing({ start, end }: Piece): readonly Piece[] {
    const holes: Piece[] = [];
    let at = start;
    for (const piece of this.#state.pieces) {
      if (piece.end <= at || piece.start >= end) continue;
      if (piece.start > at) holes.push({ start: at, end: piece.start });
      at = piece.end;
    }
    if (at < end) holes.push({ start: at, end });
    return holes;
  }

  /** Writes bytes at their offset. They count only after `note`. */
  async write(bytes: Buffer, position: number): Promise<void> {
    try {
      for (let done = 0; done < bytes.length; ) {
        done += (await this.#handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
      }
    } catch (error) {
      throw asDiskError(error, this.path);
    }
  }

  /** Records that a piece is filled. */
  async note(piece: Piece, etag?: string): Promise<void> {
    await this.#handle.datasync();
    const version = etag === undefined ? {} : { etag };
    this.#state = { ...this.#state, ...version, pieces: joinPieces([...this.#state.pieces, piece]) };
    await writeFileAtomic(statePath(this.path), JSON.stringify(this.#state));
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** Removes a file of pieces and its state. */
export async function removePieces(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(statePath(path), { force: true });
}

/** Returns how many bytes of a file of pieces are filled; 0 if it does not exist. */
export async function bytesOfPieces(path: string): Promise<number> {
  const pieces = (await readState(path))?.pieces ?? [];
  return pieces.reduce((sum, { start, end }) => sum + end - start, 0);
}

/**
 * Sorts pieces and merges those that overlap or are close to each other.
 *
 * @param gap - Maximum distance in bytes at which pieces are merged, because a request costs more than a few bytes. @default 0
 */
export function joinPieces(pieces: readonly Piece[], gap = 0): Piece[] {
  const result: Piece[] = [];
  for (const piece of pieces.toSorted((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last !== undefined && piece.start - last.end <= gap) {
      result[result.length - 1] = { start: last.start, end: Math.max(last.end, piece.end) };
    } else result.push(piece);
  }
  return result;
}

function statePath(path: string): string {
  return `${path}.json`;
}

async function readState(path: string): Promise<State | undefined> {
  try {
    return State.parse(JSON.parse(await readFile(statePath(path), 'utf8')));
  } catch {
    return undefined;
  }
}
