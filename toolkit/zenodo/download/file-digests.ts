import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

export interface FileDigests {
  readonly size: number;
  /** Lower-case hex. */
  readonly md5: string;
  /** Lower-case hex. */
  readonly sha256: string;
}

/**
 * Computes size, MD5 and SHA-256 of a file in one pass. Memory does not grow with its size.
 *
 * @throws The system's error if the file does not exist; the signal's reason when aborted.
 */
export async function digestsOfFile(path: string, signal?: AbortSignal, onBytes?: () => void): Promise<FileDigests> {
  const md5 = createHash('md5');
  const sha256 = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    signal?.throwIfAborted();
    md5.update(chunk);
    sha256.update(chunk);
    size += chunk.length;
    onBytes?.();
  }
  return { size, md5: md5.digest('hex'), sha256: sha256.digest('hex') };
}
