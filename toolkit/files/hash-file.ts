import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { fileMissing, hasCode, refuseStream } from './file-access.ts';

/**
 * Computes the SHA-256 of a file, as lower-case hex. The file is streamed: memory use does not grow with its size.
 *
 * @throws ReigniteError FILE_MISSING if the file does not exist; USAGE for a named pipe, a device or a socket.
 */
export async function sha256OfFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  try {
    refuseStream(path, await stat(path));
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
      signal?.throwIfAborted();
      hash.update(chunk);
    }
  } catch (error) {
    if (hasCode(error, 'ENOENT')) throw fileMissing(path, error);
    throw error;
  }
  return hash.digest('hex');
}

/** Computes the SHA-256 of bytes or of text (UTF-8), as lower-case hex. */
export function sha256Of(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
