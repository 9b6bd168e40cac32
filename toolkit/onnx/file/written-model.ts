import { writeFileAtomic } from '../../files/atomic-write.ts';
import { isFile, readTextIfThere } from '../../files/file-access.ts';
import { sha256OfFile } from '../../files/hash-file.ts';

/** Returns the file next to a derived model that contains the SHA-256 of the model. */
export function digestFileOf(path: string): string {
  return `${path}.sha256`;
}

/**
 * Records the SHA-256 of a derived model after it was written.
 *
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function recordDigest(path: string, sha256: string): Promise<void> {
  await writeFileAtomic(digestFileOf(path), `${sha256}\n`);
}

/**
 * Returns whether a derived model exists and has the SHA-256 that `recordDigest` recorded.
 *
 * @throws ReigniteError NOT_READABLE.
 */
export async function isAsWritten(path: string): Promise<boolean> {
  const digest = await readTextIfThere(digestFileOf(path));
  return digest !== undefined && (await isFile(path)) && (await sha256OfFile(path)) === digest.trim();
}
