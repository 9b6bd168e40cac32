import { join, sep } from 'node:path';
import { ReigniteError } from '../errors.ts';

/** What may be wrong with a published prediction: no reason for a run to end. */
const EXPECTED = new Set(['FILE_MISSING', 'SIZE_MISMATCH', 'IMAGE_UNREADABLE', 'NPY_INVALID']);

/** A published prediction, or why it cannot be read. */
export type Published<Read> =
  | { readonly kind: 'read'; readonly read: Read }
  | { readonly kind: 'unreadable'; readonly reason: string };

/**
 * What reading a published prediction gave; where it cannot be read, the reason instead. Our own files do not belong
 * in here: one that cannot be read ends the step.
 *
 * @param data - The data folder: a reason names files as the record does, since a report may go anywhere.
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
