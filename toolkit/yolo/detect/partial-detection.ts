import { createHash } from 'node:crypto';
import { readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { replaceFile } from '../../files/atomic-write.ts';
import { makeFolder } from '../../files/folders.ts';
import type { Candidates } from './candidates.ts';

/** Everything that the candidates of a tile depend on. With another identity, detection starts over. */
export type DetectionIdentity = Readonly<Record<string, string>>;

const TILE = /^tile-\d+\.bin$/;
const IDENTITY_BYTES = 32;
const HEADER_BYTES = IDENTITY_BYTES + 8;
/** Four corner coordinates, the score and the class as float32. */
const CANDIDATE_BYTES = 24;
/** Files that may be deleted from the folder: only those that reignite wrote. */
const OURS = /^(tile-\d+\.bin|\.tile-\d+\.bin\..*\.tmp)$/;

/** Counts the finished tiles of a partial result. */
export async function tilesReached(folder: string): Promise<number> {
  return (await finishedTiles(folder)).length;
}

/** Lists the files of finished tiles. Each is complete and never changes. */
export async function finishedTiles(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => TILE.test(name));
}

/**
 * Partial result of a detection on disk, one file per finished tile, from which an interrupted job resumes with
 * bit-identical results.
 *
 * Each file starts with the SHA-256 of the identity, the CRC-32 of the content after the header and the number of
 * candidates, and is written atomically. A file with another identity or checksum is ignored. Files are not synced; after
 * a power cut, the checksums reveal damage.
 */
export class PartialDetection {
  readonly #folder: string;
  readonly #identity: Buffer;

  private constructor(folder: string, identity: Buffer) {
    this.#folder = folder;
    this.#identity = identity;
  }

  static async open(folder: string, identity: DetectionIdentity): Promise<PartialDetection> {
    await makeFolder(folder);
    const sorted = Object.entries(identity).sort(([a], [b]) => (a < b ? -1 : 1));
    return new PartialDetection(folder, createHash('sha256').update(JSON.stringify(sorted)).digest());
  }

  /** Reads the candidates of a tile; undefined unless an attempt with the same identity finished it. */
  async read(tile: number): Promise<Candidates | undefined> {
    try {
      return this.#decode(await readFile(this.#pathOf(tile)));
    } catch {
      return undefined;
    }
  }

  async write(tile: number, candidates: Candidates): Promise<void> {
    const bytes = this.#encode(candidates);
    await replaceFile(this.#pathOf(tile), (temporary) => writeFile(temporary, bytes));
  }

  /** Deletes the files that reignite wrote, and the folder if it contains nothing else. */
  async remove(): Promise<void> {
    const names = await readdir(this.#folder);
    const ours = names.filter((name) => OURS.test(name));
    for (const name of ours) await rm(join(this.#folder, name), { force: true });
    if (ours.length === names.length) await rmdir(this.#folder);
  }

  #pathOf(tile: number): string {
    return join(this.#folder, `tile-${tile}.bin`);
  }

  #encode({ count, corners, scores, classes }: Candidates): Buffer {
    const bytes = Buffer.alloc(HEADER_BYTES + count * CANDIDATE_BYTES);
    for (let index = 0; index < count; index++) {
      const values = [...corners.subarray(4 * index, 4 * index + 4), scores[index] ?? 0, classes[index] ?? 0];
      const at = HEADER_BYTES + index * CANDIDATE_BYTES;
      for (const [column, value] of values.entries()) bytes.writeFloatLE(value, at + 4 * column);
    }
    this.#identity.copy(bytes);
    bytes.writeUInt32LE(crc32(bytes.subarray(HEADER_BYTES)), IDENTITY_BYTES);
    bytes.writeUInt32LE(count, IDENTITY_BYTES + 4);
    return bytes;
  }

  #decode(bytes: Buffer): Candidates | undefined {
    if (bytes.length < HEADER_BYTES || !bytes.subarray(0, IDENTITY_BYTES).equals(this.#identity)) return undefined;
    const count = bytes.readUInt32LE(IDENTITY_BYTES + 4);
    if (bytes.length !== HEADER_BYTES + count * CANDIDATE_BYTES) return undefined;
    if (crc32(bytes.subarray(HEADER_BYTES)) !== bytes.readUInt32LE(IDENTITY_BYTES)) return undefined;
    const floatAt = (index: number, column: number) =>
      bytes.readFloatLE(HEADER_BYTES + index * CANDIDATE_BYTES + 4 * column);
    return {
      count,
      corners: Float32Array.from({ length: 4 * count }, (_, at) => floatAt(Math.floor(at / 4), at % 4)),
      scores: Float32Array.from({ length: count }, (_, index) => floatAt(index, 4)),
      classes: Uint16Array.from({ length: count }, (_, index) => floatAt(index, 5)),
    };
  }
}
