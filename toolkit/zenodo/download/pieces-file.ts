import { type FileHandle, open, readFile, rm } from 'node:fs/promises';
import { z } from 'zod';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { asDiskError } from '../../files/disk-error.ts';

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
      const isFilled = isSame && (await handle.stat()).size === version.size;
      await handle.truncate(version.size);
      return new PiecesFile(path, handle, isFilled ? found : { ...version, pieces: [] });
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
