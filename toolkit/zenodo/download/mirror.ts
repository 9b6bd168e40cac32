import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { replaceFile } from '../../files/atomic-write.ts';
import { statIfThere } from '../../files/if-there.ts';
import { inside } from '../../files/inside.ts';
import { digestsOfFile, type FileDigests } from './following-digests.ts';

export interface MirroredFile extends FileDigests {
  readonly path: string;
}

/**
 * Looks for a file of the record in a mirror folder, which is only read. Ignores files with another size or MD5.
 *
 * @param onBytes - Called while the file is read.
 */
export async function findInMirror(
  mirror: string,
  file: { readonly key: string; readonly size: number; readonly md5: string },
  signal: AbortSignal,
  onBytes: () => void,
): Promise<MirroredFile | undefined> {
  const path = inside(mirror, file.key);
  const found = await statIfThere(path);
  if (!found?.isFile() || found.size !== file.size) return undefined;
  const digests = await digestsOfFile(path, signal, onBytes);
  return digests.md5 === file.md5 ? { path, ...digests } : undefined;
}

/** Copies a file of the mirror to `place`. */
export async function copyFromMirror(source: string, place: string, signal: AbortSignal): Promise<void> {
  await replaceFile(place, (temporary) =>
    pipeline(createReadStream(source), createWriteStream(temporary, { flags: 'wx', flush: true }), { signal }),
  );
}
