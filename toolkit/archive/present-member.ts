import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { crc32 } from 'node:zlib';
import { lstatIfThere } from '../files/if-there.ts';
import type { ArchiveMember } from './list-archive.ts';

/** Size, CRC-32 and SHA-256 of streamed bytes. */
export class MemberDigests {
  size = 0;
  crc32 = 0;
  readonly #sha256 = createHash('sha256');

  update(chunk: Buffer): void {
    this.size += chunk.length;
    this.crc32 = crc32(chunk, this.crc32);
    this.#sha256.update(chunk);
  }

  /** Returns the SHA-256 in lower-case hex. Can be called only once. */
  sha256(): string {
    return this.#sha256.digest('hex');
  }
}

/**
 * Returns the SHA-256 of the file at `place` if its size and CRC-32 are those of the member; else undefined.
 *
 * @param onBytes - Called with the bytes read so far.
 */
export async function sha256WhenRight(
  place: string,
  member: ArchiveMember,
  signal: AbortSignal | undefined,
  onBytes?: (bytes: number) => void,
): Promise<string | undefined> {
  const entry = await lstatIfThere(place);
  if (!entry?.isFile() || entry.size !== member.size) return undefined;
  const digests = new MemberDigests();
  for await (const chunk of createReadStream(place, { highWaterMark: 1 << 20 })) {
    signal?.throwIfAborted();
    digests.update(chunk);
    onBytes?.(digests.size);
  }
  return digests.crc32 === member.crc32 ? digests.sha256() : undefined;
}
