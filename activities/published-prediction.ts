import { ReigniteError } from '../toolkit/errors.ts';

/** What may be wrong with a published prediction: no reason for a run to end. */
const EXPECTED = new Set(['FILE_MISSING', 'SIZE_MISMATCH', 'IMAGE_UNREADABLE', 'NPY_INVALID']);

/** What comparing gave; where the published prediction cannot be read, the reason instead. */
export async function publishedOr<Compared>(
  roi: string,
  compare: () => Promise<Compared>,
): Promise<Compared | { readonly roi: string; readonly reason: string }> {
  try {
    return await compare();
  } catch (error) {
    if (error instanceof ReigniteError && EXPECTED.has(error.code)) return { roi, reason: error.message };
    throw error;
  }
}
