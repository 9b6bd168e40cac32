import { join, sep } from 'node:path';
import { ReigniteError } from '../errors.ts';

/** Errors of a published prediction that do not end a run. */
const EXPECTED = new Set(['FILE_MISSING', 'SIZE_MISMATCH', 'IMAGE_UNREADABLE', 'NPY_INVALID']);

/** A published prediction, or why it cannot be read. */
export type Published<Read> =
  | { readonly kind: 'read'; readonly read: Read }
  | { readonly kind: 'unreadable'; readonly reason: string };

/**
 * Reads a published prediction, or returns the reason why it cannot be read. Not for our own files: if one cannot be
 * read, the activity must fail.
 *
 * @param data - The data folder. It is removed from the reason, since reports are shared: files are named as in the
 * record.
 */
export async function publishedOr<Read>(data: string, read: () => Promise<Read>): Promise<Published<Read>> {
  try {
    return { kind: 'read', read: await read() };
  } catch (error) {
    if (error instanceof ReigniteError && EXPECTED.has(error.code)) {
      return { kind: 'unreadable', reason: error.message.replaceAll(join(data, sep), '') };
    }
    throw error;
  }
}
