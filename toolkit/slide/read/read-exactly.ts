import type { FileHandle } from 'node:fs/promises';

/** Most bytes of one read: a damaged length must not take all memory. */
const MAX_READ = 2 ** 29;

/**
 * Reads bytes at a place of a file, in several steps where the system returns fewer at once.
 *
 * @returns Fewer bytes than `length` only where the file ends before.
 * @throws RangeError for more than 512 MiB.
 */
export async function readExactly(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const { size } = await handle.stat();
  const there = Math.min(length, Math.max(0, size - offset));
  if (there > MAX_READ) throw new RangeError(`Expected at most ${MAX_READ} bytes at once, got ${there}`);
  const bytes = Buffer.alloc(there);
  let read = 0;
  while (read < there) {
    const { bytesRead } = await handle.read(bytes, read, there - read, offset + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return bytes.subarray(0, read);
}
