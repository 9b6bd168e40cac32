import type { FileHandle } from 'node:fs/promises';

/** Limit of one read, bytes. A damaged length must not use up all memory. */
const MAX_READ = 2 ** 29;

/**
 * Reads bytes at an offset of a file, with several calls if the system returns fewer at once.
 *
 * @returns Fewer bytes than `length` only if the file ends before.
 * @throws RangeError for more than 512 MiB.
 */
export async function readExactly(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const { size } = await handle.stat();
  const available = Math.min(length, Math.max(0, size - offset));
  if (available > MAX_READ) throw new RangeError(`Expected at most ${MAX_READ} bytes at once, got ${available}`);
  const bytes = Buffer.alloc(available);
  let read = 0;
  while (read < available) {
    const { bytesRead } = await handle.read(bytes, read, available - read, offset + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return bytes.subarray(0, read);
}
